/**
 * The section of a Windows program in which `deno compile` puts what it compiles.
 *
 * @module
 */

/**
 * By how many bytes a section's content exceeds its room in memory; 0 if it fits. Compiling into a program that was
 * compiled before replaces the bytes of the section, not its room; what does not fit is missing when it runs.
 * (Microsoft, "PE Format": VirtualSize at 8, SizeOfRawData at 16 of a section's header.)
 */
export function bytesOutOfRoom(program: Uint8Array): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const header = view.getUint32(0x3c, true);
  const sections = view.getUint16(header + 6, true);
  const first = header + 24 + view.getUint16(header + 20, true);
  const page = 4096;
  let most = 0;
  for (let at = first; at < first + 40 * sections; at += 40) {
    const room = Math.ceil(view.getUint32(at + 8, true) / page) * page;
    const name = new TextDecoder().decode(program.subarray(at, at + 8));
    if (name.startsWith(".pedata")) most = Math.max(most, view.getUint32(at + 16, true) - room);
  }
  return Math.max(0, most);
}
