/**
 * Zip archives, for Windows: PKWARE's APPNOTE without encryption, without ZIP64. The same entries make the same bytes.
 *
 * @module
 */

import { crc32, deflateRawSync } from "node:zlib";

/** One file in it. */
export interface ZipEntry {
  /** Path with slashes. */
  readonly name: string;
  /** Its content, shorter than 4 GiB. */
  readonly bytes: Uint8Array;
  /** Permissions, as in 0o644. */
  readonly mode: number;
}

const localHeaderBytes = 30;
const centralHeaderBytes = 46;
const endBytes = 22;
const signature = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 };

/** Deflate needs version 2.0. */
const neededVersion = 20;
/** Permissions are those of Unix. */
const madeByUnix = 3 << 8;
const regularFile = 0o100000;
const namesAreUtf8 = 0x0800;
const deflated = 8;

/** The whole archive; every file has the same date, in UTC, of 1980 or later. */
export function zip(entries: readonly ZipEntry[], date: Date): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  for (const { name, bytes, mode } of entries) {
    const encodedName = new TextEncoder().encode(name);
    const packed = new Uint8Array(deflateRawSync(bytes));
    const common = commonFields(bytes, packed, encodedName, date);

    const local = new Uint8Array(localHeaderBytes + encodedName.length);
    new DataView(local.buffer).setUint32(0, signature.local, true);
    local.set(common, 4);
    local.set(encodedName, localHeaderBytes);

    const central = new Uint8Array(centralHeaderBytes + encodedName.length);
    const view = new DataView(central.buffer);
    view.setUint32(0, signature.central, true);
    view.setUint16(4, madeByUnix | neededVersion, true);
    central.set(common, 6);
    view.setUint32(38, ((regularFile | mode) << 16) >>> 0, true);
    view.setUint32(42, at, true);
    central.set(encodedName, centralHeaderBytes);

    parts.push(local, packed);
    directory.push(central);
    at += local.length + packed.length;
  }
  const end = new DataView(new ArrayBuffer(endBytes));
  end.setUint32(0, signature.end, true);
  end.setUint16(8, entries.length, true);
  end.setUint16(10, entries.length, true);
  end.setUint32(12, directory.reduce((sum, { length }) => sum + length, 0), true);
  end.setUint32(16, at, true);
  return joined([...parts, ...directory, new Uint8Array(end.buffer)]);
}

/** What a file's two headers have in common: from the needed version to the length of extra fields, which is 0. */
function commonFields(
  bytes: Uint8Array,
  packed: Uint8Array,
  encodedName: Uint8Array,
  date: Date,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(26));
  view.setUint16(0, neededVersion, true);
  view.setUint16(2, namesAreUtf8, true);
  view.setUint16(4, deflated, true);
  view.setUint16(
    6,
    date.getUTCHours() << 11 | date.getUTCMinutes() << 5 | date.getUTCSeconds() >> 1,
    true,
  );
  view.setUint16(
    8,
    (date.getUTCFullYear() - 1980) << 9 | (date.getUTCMonth() + 1) << 5 | date.getUTCDate(),
    true,
  );
  view.setUint32(10, crc32(bytes), true);
  view.setUint32(14, packed.length, true);
  view.setUint32(18, bytes.length, true);
  view.setUint16(22, encodedName.length, true);
  return new Uint8Array(view.buffer);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
