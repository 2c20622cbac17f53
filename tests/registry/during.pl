#!/usr/bin/perl
# What others see while one request takes long.
#
#   during.pl PORT TOKEN DATABASE GENERATION METHOD PATH FILE    the long one, with FILE as its body, of a mesh at GENERATION
#
# Once it has begun, asks for the generation until it is answered, and in between adds host "meanwhile" to site "a" on a
# connection of its own. Prints: seen N (how often the generation was the old one), added STATUS, answered STATUS.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($port, $token, $database, $old, $method, $path, $file) = @ARGV;
my $body = do { local $/; open(my $f, '<', $file) or die "$file: $!\n"; <$f> };

sub ask {
	my ($socket, $method, $path, $body) = @_;
	print $socket "$method $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: " . length($body) .
		"\r\n\r\n$body";
	$socket->flush;
}

sub status_on {
	my ($socket) = @_;
	my $got = sysread($socket, my $text, 65536) or die "no answer\n";
	return $text =~ m{^HTTP/1\.1 (\d+)} ? ($1, $text) : die "no answer: $text\n";
}

my ($long, $look, $other) = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die } 1 .. 3;
my $seen = 0;
ask($long, $method, $path, $body);
my $answered = IO::Select->new($long);
# It has begun when nobody else may write.
until ($answered->can_read(0)) {
	last if system("sqlite3 '$database' 'BEGIN IMMEDIATE; ROLLBACK' 2>/dev/null");
}
until ($answered->can_read(0)) {
	ask($look, 'GET', '/v1/whoami', '');
	my (undef, $text) = status_on($look);
	$seen++ if $text =~ /"generation":$old\b/;
	ask($other, 'POST', '/v1/hosts', '{"name":"meanwhile","domain":"a","local_ip":"10.9.9.9"}') if $seen == 3;
	select(undef, undef, undef, 0.001);
}
my ($status) = status_on($long);
my ($added) = status_on($other);
print "seen $seen\nadded $added\nanswered $status\n";
