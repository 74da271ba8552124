/**
 * The section of a Windows program in which `deno compile` puts what it compiles. Compiling into a program that was compiled
 * before replaces the bytes of the section, not its room in memory; what does not fit is missing when the program runs.
 *
 * Places in headers are those of Microsoft's "PE Format": `SizeOfImage` is at 56 of the optional header, `VirtualSize` at 8,
 * `VirtualAddress` at 12 and `SizeOfRawData` at 16 of a section's header.
 *
 * @module
 */

/** A section's header. */
interface Section {
  /** Where the header is in the file. */
  readonly at: number;
  readonly name: string;
  /** Where the section is in memory, and how many bytes of memory it has. */
  readonly address: number;
  readonly room: number;
  /** How many bytes of the file it has. */
  readonly length: number;
}

const page = 4096;

/**
 * Gives the section as much room as its content needs, and returns 0. If that is impossible, since another section follows it in
 * memory, returns by how many bytes the content exceeds the room.
 */
export function makeRoom(program: Uint8Array): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const header = view.getUint32(0x3c, true);
  const sections = sectionsOf(program, view, header);
  const compiled = sections.find(({ name }) => name.startsWith(".pedata"));
  if (!compiled || compiled.length <= compiled.room) return 0;
  const { at, address, room, length } = compiled;
  if (sections.some((other) => other.address > address)) return length - room;
  view.setUint32(at + 8, length, true);
  view.setUint32(header + 24 + 56, address + wholePages(length), true);
  return 0;
}

function sectionsOf(program: Uint8Array, view: DataView, header: number): readonly Section[] {
  const first = header + 24 + view.getUint16(header + 20, true);
  return Array.from({ length: view.getUint16(header + 6, true) }, (_, index) => {
    const at = first + 40 * index;
    return {
      at,
      name: new TextDecoder().decode(program.subarray(at, at + 8)),
      address: view.getUint32(at + 12, true),
      room: wholePages(view.getUint32(at + 8, true)),
      length: view.getUint32(at + 16, true),
    };
  });
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / page) * page;
}
