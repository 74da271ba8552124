# A warm worker in R, one process for many jobs: it has loaded the packages and runs the parsed script again and again.
#
#     sh -c 'exec Rscript "$@" 9<&0 </dev/null' sh keep.R PACKAGE,PACKAGE job.R [ARGUMENT ...]
#
# The list of packages may be "". The shell keeps the pipe of the jobs away from the script; without it, as on Windows, a
# script that reads standard input would wait forever.
# Each job has new variables. Jobs share everything else: loaded packages, what is assigned with <<-, options, random numbers,
# open connections, the working directory, the environment. A script that calls quit or closeAllConnections ends the process.
# .Last and finalizers run at the end of the process. Warnings are printed one by one, as with options(warn = 1).

if (Sys.getenv("JOBRUNNER_WARM") != "1") {
  stop("JOBRUNNER_WARM is not 1: the command must be configured with warm = true")
}
words <- commandArgs(TRUE)
for (name in strsplit(words[1], ",")[[1]]) library(name, character.only = TRUE)
code <- parse(words[2], encoding = "UTF-8")
jobs <- file(if (file.exists("/dev/fd/9")) "/dev/fd/9" else "stdin", "r", raw = TRUE)

# Waits for a job and sets its variables. Returns the word that ends it, nothing at the end of the pipe.
receive_job <- function() {
  while (length(line <- readLines(jobs, 1)) > 0) {
    if (line == "") return(Sys.getenv("JOBRUNNER_END"))
    at <- regexpr("=", line, fixed = TRUE, useBytes = TRUE)
    do.call(Sys.setenv, setNames(list(substring(line, at + 1)), substr(line, 1, at - 1)))
  }
}

# Runs the script as Rscript does; returns its exit status.
run_script <- function() {
  scope <- new.env()
  scope$commandArgs <- function(trailingOnly = FALSE) {
    c(if (!trailingOnly) c("R", paste0("--file=", words[2]), "--args"), words[-(1:2)])
  }
  options(warn = 1)
  failed <- function(error) {
    call <- conditionCall(error)
    top <- is.null(call) || identical(call, quote(eval(ei, envir)))
    place <- if (top) "" else paste0(" in ", deparse(call)[1], " ")
    cat("Error", place, ": ", conditionMessage(error), "\nExecution halted\n", sep = "", file = stderr())
    1
  }
  tryCatch({
    source(exprs = code, local = scope, print.eval = TRUE)
    0
  }, error = failed)
}

while (!is.null(word <- receive_job())) {
  status <- run_script()
  while (sink.number() > 0) sink()
  sink(type = "message")
  leaving <- !tryCatch(isOpen(jobs), error = function(error) FALSE)
  for (stream in list(stdout(), stderr())) {
    cat("\036", word, " ", status, if (leaving) " leaving", "\n", sep = "", file = stream)
    flush(stream)
  }
  if (leaving) break
}
