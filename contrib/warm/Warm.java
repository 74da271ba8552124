import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A warm worker in Java 8 or newer, one process for many jobs: it calls the main method of a class again and again.
 *
 *     java -cp WARM_FOLDER:app.jar Warm MainClass [ARGUMENT ...]
 *
 * Nobody can set environment variables in Java, so those of the job are system properties: a program that has to work both
 * ways reads System.getProperty(name, System.getenv(name)). Jobs share everything: static fields, threads, properties. A
 * job ends when main returns, also if it has started threads. System.exit ends the process, and then shutdown hooks run.
 * System.in is empty; a process that is started with inheritIO must not read its standard input.
 */
public class Warm {
  private static final BufferedReader jobs =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  private static final PrintStream out = System.out;
  private static final PrintStream err = System.err;

  public static void main(String[] words) throws Exception {
    if (!"1".equals(System.getenv("JOBRUNNER_WARM"))) {
      System.err.println("JOBRUNNER_WARM is not 1: the command must be configured with warm = true");
      System.exit(1);
    }
    Method main = Class.forName(words[0]).getMethod("main", String[].class);
    main.setAccessible(true);
    while (receiveJob()) {
      String word = System.getProperty("JOBRUNNER_END");
      System.setIn(new ByteArrayInputStream(new byte[0]));
      int status = call(main, Arrays.copyOfRange(words, 1, words.length));
      System.out.flush();
      System.err.flush();
      System.setOut(out);
      System.setErr(err);
      if (isClosed(out) || isClosed(err)) System.exit(status);
      for (PrintStream stream : new PrintStream[] {out, err}) {
        stream.print("\u001e" + word + " " + status + "\n");
        stream.flush();
      }
    }
    System.exit(0); // although a job may have left threads
  }

  /** Waits for a job and sets its variables. False at the end of the pipe. */
  private static boolean receiveJob() throws IOException {
    for (String line; (line = jobs.readLine()) != null;) {
      if (line.isEmpty()) return true;
      int at = line.indexOf('=');
      System.setProperty(line.substring(0, at), line.substring(at + 1));
    }
    return false;
  }

  /** The exit status that the program would have. */
  private static int call(Method main, String[] arguments) throws IllegalAccessException {
    try {
      main.invoke(null, (Object) arguments);
      return 0;
    } catch (InvocationTargetException failure) {
      System.err.print("Exception in thread \"main\" ");
      withoutCaller(failure.getCause(), main).printStackTrace();
      return 1;
    }
  }

  /** Its stack without what called the main method. */
  private static Throwable withoutCaller(Throwable error, Method main) {
    StackTraceElement[] stack = error.getStackTrace();
    for (int at = stack.length - 1; at >= 0; at--) {
      if (!stack[at].getClassName().equals(main.getDeclaringClass().getName())) continue;
      error.setStackTrace(Arrays.copyOf(stack, at + 1));
      break;
    }
    return error;
  }

  private static boolean isClosed(PrintStream stream) {
    stream.print("");
    return stream.checkError();
  }
}
