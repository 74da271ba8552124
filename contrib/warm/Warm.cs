// A warm worker in .NET Framework 2.0 or newer, or Mono, one process for many jobs: it calls a program's Main again and again.
//
//     csc.exe Warm.cs        (of any .NET Framework; Mono: mcs Warm.cs)
//     Warm.exe program.exe [ARGUMENT ...]
//
// Warm.exe must be in the folder of the program, which keeps its own program.exe.config.
// Jobs share everything: static fields, threads, the working directory. A job ends when Main returns, also if it has started
// threads. Environment.Exit ends the process. ProcessExit is raised at the end of the process. Console.In is empty; a
// process that a job starts must not read its standard input, unless that is redirected.
using System;
using System.IO;
using System.Reflection;
using System.Text;

static class Warm {
  static readonly TextReader jobs =
    new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
  static readonly TextWriter output = Console.Out;
  static readonly TextWriter error = Console.Error;

  static int Main(string[] words) {
    if (Environment.GetEnvironmentVariable("JOBRUNNER_WARM") != "1") {
      Console.Error.WriteLine("JOBRUNNER_WARM is not 1: the command must be configured with warm = true");
      return 1;
    }
    string path = Path.GetFullPath(words[0]);
    AppDomain.CurrentDomain.SetData("APP_CONFIG_FILE", path + ".config");
    MethodInfo main = Assembly.LoadFrom(path).EntryPoint;
    string[] arguments = new string[words.Length - 1];
    Array.Copy(words, 1, arguments, 0, arguments.Length);
    while (ReceiveJob()) {
      string word = Environment.GetEnvironmentVariable("JOBRUNNER_END");
      Console.SetIn(TextReader.Null);
      int status = Call(main, (string[])arguments.Clone());
      Console.Out.Flush();
      Console.Error.Flush();
      Console.SetOut(output);
      Console.SetError(error);
      // As bytes, because the console may have any encoding.
      byte[] line = Encoding.ASCII.GetBytes("\x1e" + word + " " + (status & 255) + "\n");
      Console.OpenStandardOutput().Write(line, 0, line.Length);
      Console.OpenStandardError().Write(line, 0, line.Length);
    }
    Environment.Exit(0); // although a job may have left threads
    return 0;
  }

  // Waits for a job and sets its variables. False at the end of the pipe.
  static bool ReceiveJob() {
    string line;
    while ((line = jobs.ReadLine()) != null) {
      if (line == "") return true;
      int at = line.IndexOf('=');
      Environment.SetEnvironmentVariable(line.Substring(0, at), line.Substring(at + 1));
    }
    return false;
  }

  // The exit status that the program would have.
  static int Call(MethodInfo main, string[] arguments) {
    object[] parameters = main.GetParameters().Length == 0 ? null : new object[] { arguments };
    try {
      object result = main.Invoke(null, parameters);
      return result is int ? (int)result : 0;
    } catch (TargetInvocationException failure) {
      Console.Error.WriteLine("\nUnhandled Exception:\n" + failure.InnerException);
      return 1;
    }
  }
}
