#!/bin/sh
# Makes a machine a device, if it were one.
printf "device of %s\n" "$WM_MESH_NAME"
