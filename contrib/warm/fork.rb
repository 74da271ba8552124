# A warm worker in Ruby, one fork per job: the forks have the libraries already and run the script unchanged.
#
#     ruby [-rlibrary ...] fork.rb script.rb [ARGUMENT ...]
#
# Jobs share what the libraries did while they were loaded, such as a connection that they opened. The script has no DATA. A job
# that a signal ended has exited, with 128 and the number of the signal.
abort "JOBRUNNER_WARM is not 1: the command must be configured with warm = true" if ENV["JOBRUNNER_WARM"] != "1"
$0 = File.expand_path(ARGV.shift)

run = lambda do
  STDIN.reopen(File::NULL)
  load $0
rescue StandardError, ScriptError => error
  # Without the frames of this file, and with the name that the script has when it is the main program.
  frames = error.backtrace.reject { |frame| frame.start_with?("#{__FILE__}:") }
  error.set_backtrace(frames.map { |frame| frame.sub("<top (required)>", "<main>") })
  raise error
end

STDIN.binmode
while line = STDIN.gets
  line = line.chomp
  unless line.empty?
    name, _, value = line.partition("=")
    ENV[name] = value
    next
  end
  _, status = Process.wait2(fork(&run))
  ending = "\x1E#{ENV["JOBRUNNER_END"]} #{status.exitstatus || 128 + status.termsig}\n"
  [STDOUT, STDERR].each { |stream| stream.syswrite(ending) }
end
