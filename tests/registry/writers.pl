#!/usr/bin/perl
# Fifty clients that change a host each, as fast as they are answered, until the server is gone; and what must be there then.
#
#   writers.pl write  PORT TOKEN STATE    changes, then writes down what was acknowledged and what was under way
#   writers.pl verify PORT TOKEN STATE    each host must be as it was acknowledged last, or as what was under way would have it
#
# A host is told by its LAN address, which counts the changes; every seventh takes it away. Site "a" is there already.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;

my ($mode, $port, $token, $file) = @ARGV;
my $WRITERS = 50;

sub load_state {
	open(my $f, '<', $file) or return { map { $_ => { n => 0, is => undef } } 1 .. $WRITERS };
	local $/;
	return decode_json(<$f>);
}

sub save_state {
	open(my $f, '>', $file) or die "$file: $!\n";
	print $f encode_json($_[0]);
	close($f) or die "$file: $!\n";
}

# What writer $w does next: the request, and what the host is then.
sub next_change {
	my ($w, $s) = @_;
	my $n = ++$s->{n};
	my $ip = sprintf '10.%d.%d.%d', $w, $n / 250, $n % 250 + 1;
	my ($method, $path, $body) = !defined $s->{is} ? ('POST', '/v1/hosts', { name => "w$w", domain => 'a', local_ip => $ip })
		: $n % 7 ? ('PATCH', "/v1/hosts/w$w.a", { local_ip => $ip }) : ('DELETE', "/v1/hosts/w$w.a", undef);
	my $text = $body ? encode_json($body) : '';
	return ("$method $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: " . length($text) . "\r\n\r\n$text",
		$method eq 'DELETE' ? undef : $ip);
}

sub begin_next {
	my ($c) = @_;
	($c->{request}, $c->{s}{next}) = next_change($c->{w}, $c->{s});
	$c->{s}{pending} = 1;
	$c->{answer} = '';
	return syswrite($c->{socket}, $c->{request});
}

# A whole answer has come: what it acknowledges holds from now on.
sub take_answer {
	my ($c) = @_;
	my ($status, $rest) = $c->{answer} =~ m{^HTTP/1\.1 (\d+) .*?\r\n\r\n(.*)}s or return 0;
	my ($length) = $c->{answer} =~ /^content-length: (\d+)/im;
	return 0 if length($rest) < ($length // 0);
	die "writer $c->{w}: $status $rest\n" if $status !~ /^2/;
	$c->{s}{is} = delete $c->{s}{next};
	delete $c->{s}{pending};
	return 1;
}

sub write_all {
	my $state = load_state();
	my $select = IO::Select->new;
	my (%client, $acknowledged);
	$SIG{PIPE} = 'IGNORE';
	for my $w (1 .. $WRITERS) {
		my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or last;
		$client{$socket} = { w => $w, s => $state->{$w}, socket => $socket };
		$select->add($socket);
		begin_next($client{$socket});
	}
	while ($select->count) {
		for my $socket ($select->can_read) {
			my $c = $client{$socket};
			my $got = sysread($socket, $c->{answer}, 65536, length $c->{answer});
			if (!$got) {
				$select->remove($socket);
			} elsif (take_answer($c)) {
				$acknowledged++;
				begin_next($c) or $select->remove($socket);
			}
		}
	}
	save_state($state);
	print $acknowledged // 0, "\n";
}

sub verify {
	my $state = load_state();
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "cannot connect\n";
	print $socket "GET /v1/hosts HTTP/1.0\r\nAuthorization: Bearer $token\r\n\r\n";
	my $answer = do { local $/; <$socket> };
	my %there = map { $_->{name} => $_->{local_ip} } @{ decode_json($answer =~ s/^.*?\r\n\r\n//sr)->{hosts} };
	my $wrong = 0;
	for my $w (1 .. $WRITERS) {
		my $s = $state->{$w};
		my $is = delete $there{"w$w"};
		my @may = ($s->{is} // 'absent', $s->{pending} ? $s->{next} // 'absent' : ());
		# from here on it is what it was found to be
		$state->{$w} = { n => $s->{n}, is => $is };
		next if grep { $_ eq ($is // 'absent') } @may;
		printf "w%d is %s, may be: %s\n", $w, $is // 'absent', join ', ', @may;
		$wrong++;
	}
	print "not of a writer: $_\n" for keys %there;
	save_state($state);
	exit($wrong || %there ? 1 : 0);
}

$mode eq 'write' ? write_all() : verify();
