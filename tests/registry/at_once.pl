#!/usr/bin/perl
# Requests that the server finds all at once, as if they had come in one moment: it is stopped while they are sent.
#
#   at_once.pl PORT PID TOKEN     lines of METHOD, PATH, BODY, TOKEN, separated by tabs; the last two may be missing
#
# Prints a line for each, in their order: status, method, path, the answer's body.
use strict;
use warnings;
use IO::Socket::INET;

my ($port, $pid, $admin) = @ARGV;
my @requests = map { chomp; [split /\t/] } <STDIN>;

sub answer_on {
	my ($socket) = @_;
	my $text = '';
	until ($text =~ /\r\n\r\n/) {
		sysread($socket, $text, 65536, length $text) or die "no answer: $text\n";
	}
	my ($head, $body) = split /\r\n\r\n/, $text, 2;
	my ($status) = $head =~ m{^HTTP/1\.1 (\d+)} or die "no answer: $text\n";
	my ($length) = $head =~ /^content-length: (\d+)/im;
	while (defined $length ? length $body < $length : $status != 204 && $body !~ /0\r\n\r\n$/) {
		sysread($socket, $body, 65536, length $body) or die "no whole answer: $text\n";
	}
	return ($status, $body);
}

my @sockets = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "cannot connect\n" } @requests;
for my $socket (@sockets) { # each is known to the server
	syswrite($socket, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	answer_on($socket);
}
kill 'STOP', $pid;
for my $i (0 .. $#requests) {
	my ($method, $path, $body, $token) = @{ $requests[$i] };
	$body //= '';
	syswrite($sockets[$i], "$method $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . ($token // $admin) .
		"\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
}
kill 'CONT', $pid;
for my $i (0 .. $#requests) {
	my ($status, $body) = answer_on($sockets[$i]);
	$body =~ s/\s+/ /g;
	print "$status $requests[$i][0] $requests[$i][1] $body\n";
}
