#!/bin/sh
# With what a text may have: "quotes", \backslashes, %s, umlauts (ä), and no newline at its end.
printf "host of %s\n" "$WM_MESH_NAME"