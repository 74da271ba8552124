% A warm worker in Octave, one process for many jobs: it runs the script again and again.
%
%     octave-cli keep.m job.m [ARGUMENT ...]
%
% Each job has new variables. Jobs share everything else: global and persistent variables, functions, packages, open files,
% figures, random numbers, the working directory, the environment. What atexit registers is called at the end of the process.
% A script that calls exit or fclose ("all") ends the process. Standard input is empty, except on Windows. An uncaught
% error lacks the lines "called from"; mfilename is not that of the script.
1;

% Waits for a job and sets its variables. Returns the word that ends it.
function word = receive_job (jobs)
  mlock ();
  % The first byte of a line is read alone: fgetl waits for the byte behind its line.
  while (first = fread (jobs, 1, "char=>char")) != "\n"
    line = [first, fgetl(jobs)];
    at = index (line, "=");
    setenv (line(1:at-1), line(at+1:end));
  end
  if isempty (first), exit (0), end
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

if ! strcmp (getenv ("JOBRUNNER_WARM"), "1")
  error ("JOBRUNNER_WARM is not 1: the command must be configured with warm = true\n");
end
code = fileread (builtin ("argv"){1});
argv (); % locks it
jobs = stdin;
if isunix ()
  % The script must not read the next job.
  jobs = fopen ("/dev/null");
  dup2 (stdin, jobs);
  fcntl (jobs, F_SETFD, 1);
  dup2 (fopen ("/dev/null"), stdin);
end
place = fopen (jobs);
leaving = "";
while isempty (leaving)
  word = receive_job (jobs);
  status = 0;
  try
    run_script (code);
  catch failure
    fprintf (stderr, "error: %s\n", failure.message);
    status = 1;
  end
  if ! is_valid_file_id (jobs) || ! strcmp (fopen (jobs), place), leaving = " leaving"; end
  for stream = [stdout, stderr]
    fprintf (stream, "\x1e%s %d%s\n", word, status, leaving);
    fflush (stream);
  end
end
