# A warm worker in Perl, one fork per job: the forks have the modules already and run the script unchanged.
#
#     perl [-MModule ...] fork.pl script.pl [ARGUMENT ...]
#
# Jobs share what the modules did while they were loaded, such as a connection that they opened. The script has no DATA, and
# "unless caller" is not true in it. A job that a signal ended has exited, with 128 and the number of the signal.
use strict;
use warnings;
use POSIX ();

die "JOBRUNNER_WARM is not 1: the command must be configured with warm = true\n"
  if ($ENV{JOBRUNNER_WARM} // '') ne '1';
my $script = shift;
die "cannot read $script: $!\n" if !-r $script;

while (defined(my $line = <STDIN>)) {
  $line =~ s/\r?\n\z//;
  if ($line ne '') {
    my ($name, $value) = split /=/, $line, 2;
    $ENV{$name} = $value;
    next;
  }
  my $child = fork // die "cannot fork: $!\n";
  if (!$child) {
    open STDIN, '<', '/dev/null' or die "cannot open /dev/null: $!\n";
    $0 = $script;
    do($script =~ m{/} ? $script : "./$script");
    die $@ if $@;
    exit 0;
  }
  waitpid $child, 0;
  my $end = sprintf "\x1e%s %d\n", $ENV{JOBRUNNER_END}, $? & 127 ? 128 + ($? & 127) : $? >> 8;
  syswrite $_, $end for *STDOUT, *STDERR;
}
# Without flushing: each fork has written what the modules printed.
POSIX::_exit(0);
