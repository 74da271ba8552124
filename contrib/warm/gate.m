% A warm worker in Octave, one process per job: Octave has started before the job, then runs the script unchanged.
%
%     octave-cli gate.m job.m [ARGUMENT ...]
%
% Jobs share nothing. The job is answered before Octave has ended, unless the script calls exit. Standard input is empty,
% except on Windows. An uncaught error lacks the lines "called from"; mfilename is not that of the script.
% Without JOBRUNNER_WARM=1 the script runs at once.
1;

% Waits for the job and sets its variables. Returns the word that ends it.
function word = receive_job ()
  % The first byte of a line is read alone: fgetl waits for the byte behind its line.
  while (first = fread (stdin, 1, "char=>char")) != "\n"
    line = [first, fgetl(stdin)];
    at = index (line, "=");
    setenv (line(1:at-1), line(at+1:end));
  end
  if isempty (first), exit (0), end
  if isunix (), dup2 (fopen ("/dev/null"), stdin); end
  word = getenv ("JOBRUNNER_END");
end

% What is locked survives a "clear all" of the script.
function run_script (code)
  mlock ();
  eval (code);
end

function words = argv ()
  mlock ();
  words = builtin ("argv")(2:end);
end

% First it gets the text of the end line. At Octave's exit, after all that the script registered, it writes that.
function end_job (line)
  mlock ();
  persistent text = "";
  if nargin == 1, text = line; return, end
  for stream = [stdout, stderr]
    fputs (stream, text);
    fflush (stream);
  end
end

code = fileread (builtin ("argv"){1});
argv (); % locks it
end_job ("");
atexit ("end_job");
word = "";
if strcmp (getenv ("JOBRUNNER_WARM"), "1"), word = receive_job (); end
status = 0;
try
  run_script (code);
catch failure
  fprintf (stderr, "error: %s\n", failure.message);
  status = 1;
end
if ! isempty (word), end_job (sprintf ("\x1e%s %d leaving\n", word, status)); end
exit (status);
