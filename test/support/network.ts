/**
 * A network of this machine's own with places that can be cut off from one port of it (Linux, as root, with iproute2 and iptables).
 *
 * @module
 */

/** A place in the network: a process that is started there has only this network. */
export interface Island {
  /** Its address. */
  readonly address: string;
  /** A command that is handed a program and its arguments, and runs them there. */
  readonly through: readonly string[];
  /** Drops all packets to and from this port, without a word to either side. */
  cut(port: number): Promise<void>;
  /** Lets all packets through again. */
  heal(): Promise<void>;
}

/** The network; disposing of it removes it with its places. */
export interface Network extends AsyncDisposable {
  /** The address of this process in it. */
  readonly address: string;
  /** Makes a place in it. */
  addIsland(): Promise<Island>;
}

/** Makes a network. */
export async function createNetwork(): Promise<Network> {
  await using stack = new AsyncDisposableStack();
  const id = Deno.pid % 100_000;
  const bridge = `jr${id}`;
  // Addresses for tests of networks (RFC 2544).
  const prefix = `198.18.${id % 256}`;
  let islands = 0;
  await run("ip", "link", "add", bridge, "type", "bridge");
  stack.defer(() => run("ip", "link", "del", bridge));
  await run("ip", "address", "add", `${prefix}.1/24`, "dev", bridge);
  await run("ip", "link", "set", bridge, "up");
  const owned = stack.move();
  return {
    address: `${prefix}.1`,
    async addIsland() {
      const number = ++islands;
      const name = `${bridge}-${number}`;
      const address = `${prefix}.${1 + number}`;
      const inside = (...words: string[]) => run("ip", "netns", "exec", name, ...words);
      await run("ip", "netns", "add", name);
      owned.defer(() => run("ip", "netns", "del", name));
      await run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name);
      // The kernel would remove it some time after its namespace.
      owned.defer(() => run("ip", "link", "del", name));
      await run("ip", "link", "set", name, "master", bridge, "up");
      await run("ip", "-n", name, "address", "add", `${address}/24`, "dev", "eth0");
      await run("ip", "-n", name, "link", "set", "eth0", "up");
      await run("ip", "-n", name, "link", "set", "lo", "up");
      return {
        address,
        through: ["ip", "netns", "exec", name],
        async cut(port) {
          await inside("iptables", "-A", "OUTPUT", "-p", "tcp", "--dport", `${port}`, "-j", "DROP");
          await inside("iptables", "-A", "INPUT", "-p", "tcp", "--sport", `${port}`, "-j", "DROP");
        },
        heal: () => inside("iptables", "-F"),
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (success) return;
  throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
