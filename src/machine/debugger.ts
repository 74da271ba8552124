/**
 * Nobody may debug main: a debugger could run anything in it, beyond every permission.
 *
 * @module
 */

/** The same number on every processor that Deno runs on (signal(7)). */
const sigusr1 = 10;

/**
 * Keeps SIGUSR1 from opening a debugger of main, on Linux. Deno 2.9.2 and newer, from source, open it at 127.0.0.1:9229 to whoever
 * comes, also if the program listens to the signal, and 2.9.6 lets the service isolate send it.
 *
 * The runtime sets what the kernel calls for a signal only once, at the first listener. So with a listener in place this has the
 * kernel call a function without any effect instead. If the signal were ignored, commands would inherit that; one that is caught
 * has its default again in them (execve(2)). Throws when the C library cannot be called.
 */
export function shutOutDebugger(): void {
  if (Deno.build.os !== "linux") return;
  // Since glibc 2.34 both functions are in libc.so.6, which is found through this one; before, dlsym is here alone.
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
