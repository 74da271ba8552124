/**
 * Keeps debuggers out of main: a debugger could run any code in it, with all its permissions.
 *
 * @module
 */

/** The same number on every processor that Deno runs on (signal(7)). */
const sigusr1 = 10;

/**
 * Keeps SIGUSR1 from opening a debugger of main, on Linux. Run from source, Deno 2.9.2 and newer open one at 127.0.0.1:9229
 * for anyone who connects, even if the program listens for the signal, and 2.9.6 lets the service isolate send the signal.
 *
 * The runtime installs its signal handler only once, at the first listener. So, with a listener in place, this function
 * replaces that handler by a function without any effect. If the signal were ignored, commands would inherit that; a signal
 * that is caught is reset to its default in them (execve(2)). Throws if the C library cannot be called.
 */
export function shutOutDebugger(): void {
  if (Deno.build.os !== "linux") return;
  // Since glibc 2.34 both functions are in libc.so.6, which is found through this library; before, only this one has dlsym.
  using library = open();
  const { dlsym, signal } = library.symbols;
  const harmless = dlsym(null, new TextEncoder().encode("getpid\0"));
  if (harmless === null) throw new Error("getpid: the C library must have it");
  signal(sigusr1, harmless);
}

function open() {
  const library = Deno.dlopen("libdl.so.2", {
    dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
    signal: { parameters: ["i32", "pointer"], result: "pointer" },
  });
  return { symbols: library.symbols, [Symbol.dispose]: () => library.close() };
}
