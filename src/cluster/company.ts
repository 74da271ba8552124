/**
 * Reports which other machines take part, and whose commands differ from those of this one.
 *
 * @module
 */

import { differingFrom } from "./cluster_state.ts";
import type { Group } from "./group.ts";
import type { ClusterLine } from "./line.ts";
import type { Beat } from "./nodes.ts";
import type { NodeName } from "./report.ts";

/** How often it is repeated that commands differ, in milliseconds. */
const repeatMs = 60 * 60 * 1000;

/** What was reported of a machine. */
interface Reported {
  readonly name: NodeName;
  /** The commands that differ there, and when that was reported. */
  differs: { readonly commands: string; readonly atMs: number } | undefined;
}

/** See the module's head. */
export class Company {
  readonly #group: Group;
  readonly #lines: () => readonly ClusterLine[];
  /** The machines that were reported to take part, by their ids. */
  readonly #present = new Map<string, Reported>();

  /** Knows no other machine. `lines` are the queues of this one. */
  constructor(group: Group, lines: () => readonly ClusterLine[]) {
    this.#group = group;
    this.#lines = lines;
  }

  /** Reports what has changed. To be called every second. */
  look(): void {
    const { link, node, nodes, clock } = this.#group;
    // Without a connection every machine is silent.
    if (!link.connected) return;
    const others = nodes.alive(clock.now()).filter(({ beat }) => beat.node !== node);
    for (const { beat } of others) {
      this.#compare(beat, this.#present.get(beat.node) ?? this.#joined(beat));
    }
    const alive = new Set(others.map(({ beat }) => beat.node));
    for (const [id, { name }] of this.#present) if (!alive.has(id)) this.#departed(name);
  }

  #joined({ node: id, name, version }: Beat): Reported {
    const reported: Reported = { name: { id, name }, differs: undefined };
    this.#present.set(id, reported);
    this.#group.report.joined(reported.name, version);
    return reported;
  }

  #departed(node: NodeName): void {
    const { link, nodes, clock, nodeTimeoutMs, report } = this.#group;
    const hasLeft = nodes.hasLeft(node.id);
    // After a reconnection the others have yet to be heard, also those that are forgotten by now.
    if (!hasLeft && clock.now() - link.connectedAt < nodeTimeoutMs) return;
    this.#present.delete(node.id);
    report.departed(node, hasLeft ? "left" : "dead");
  }

  #compare(beat: Beat, reported: Reported): void {
    const { clock, report } = this.#group;
    const commands = differingFrom(beat, this.#lines());
    const { differs } = reported;
    const isKnown = differs?.commands === commands.join() &&
      clock.now() - differs.atMs < repeatMs;
    if (commands.length === 0) reported.differs = undefined;
    else if (!isKnown) {
      reported.differs = { commands: commands.join(), atMs: clock.now() };
      report.differs(reported.name, commands);
    }
  }
}
