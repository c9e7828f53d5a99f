import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from './disk.ts'
import type { SegmentSecrets } from './frame.ts'
import { codeOf } from './outcome.ts'
import type { SparseIndex } from './sparse-index.ts'

/**
 * A segment file: a header and frames. The header carries the segment's own data key, wrapped by the log's key, so destroying the header destroys the content.
 * It stands there twice, for losing it to one bad byte would lose the segment. Numbers are big endian.
 *
 *     0 magic   4 version (2)   6 partition (2)   8 base offset (6)   14 created at, ms (6)   20 checksum seed
 *    24 nonce (12)   36 wrapped key (32)   68 tag (16)   84 crc of all before   88 zeros up to 128
 */
export interface Segment {
  readonly path: string
  readonly base: number
  readonly createdAt: number
  /** Null when its header cannot be read: everything in it is damaged. */
  readonly secrets: SegmentSecrets | null
  /** Bytes that are durable; what may stand behind them does not count. */
  bytes: number
  /** Where frames begin; null until somebody reads an old segment. */
  index: SparseIndex | null
  /** Retention has given it up; what is left of it is being destroyed. */
  leaving: boolean
}

/** The log's key does not open a segment that is whole: it was written under another one. */
export class LogKeyWrong extends Error {
  override name = 'LogKeyWrong'
  constructor(path: string) {
    super(`the log was written under another key and cannot be opened with this one (${path}): start with the secret it was written with`)
  }
}

const copyBytes = 128
export const segmentHeaderBytes = 2 * copyBytes
const magic = 0x5a4b_4c47
const version = 1
const checked = 84

export function segmentName(base: number): string {
  return `${String(base).padStart(15, '0')}.log`
}

/** The base offset that the name of a segment says; null for other files. */
export function baseOf(name: string): number | null {
  const digits = /^(\d{15})\.log$/.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}

/**
 * Makes an empty segment, durable in its directory, in place of one of the same base. It gets its name when its header is on disk,
 * so a file with the name of a segment never lacks one.
 */
export async function createSegment(
  disk: Disk,
  key: Buffer,
  directory: string,
  place: { partition: number; base: number; createdAt: number },
): Promise<{ segment: Segment; file: DiskFile }> {
  const path = join(directory, segmentName(place.base))
  const dataKey = randomBytes(32)
  const seed = randomBytes(4).readUInt32BE(0)
  const header = headerOf(place, seed, dataKey, key)
  const file = await disk.create(`${path}.new`)
  try {
    await file.write([header, header], 0)
    await file.sync()
    await disk.rename(`${path}.new`, path)
    await disk.syncDirectory(directory)
  } catch (error) {
    await file.close().catch(() => {})
    await disk.remove(`${path}.new`).catch(() => {})
    throw error
  }
  const segment = {
    path,
    base: place.base,
    createdAt: place.createdAt,
    secrets: { key: createSecretKey(dataKey), seed },
    bytes: segmentHeaderBytes,
  }
  return { segment: { ...segment, index: { offsets: [], positions: [] }, leaving: false }, file }
}

export interface SegmentHead {
  createdAt: number
  secrets: SegmentSecrets
}

/**
 * What the header says; null when neither copy is whole.
 * @throws LogKeyWrong
 */
export function headOf(bytes: Buffer, key: Buffer, place: { path: string; partition: number; base: number }): SegmentHead | null {
  for (const copy of [bytes.subarray(0, copyBytes), bytes.subarray(copyBytes)]) {
    if (!isWhole(copy) || copy.readUInt16BE(6) !== place.partition || copy.readUIntBE(8, 6) !== place.base) continue
    const dataKey = unwrap(copy, key)
    if (!dataKey) throw new LogKeyWrong(place.path)
    return { createdAt: copy.readUIntBE(14, 6), secrets: { key: createSecretKey(dataKey), seed: copy.readUInt32BE(20) } }
  }
  return null
}

/**
 * Takes a segment away: first its name, so that a crash leaves none that is half there, then its key, so that what the disk may keep of it
 * cannot be read any more. May be called again after it failed.
 */
export async function destroySegment(disk: Disk, path: string): Promise<void> {
  await disk.rename(path, `${path}.gone`).catch(unlessMissing)
  await disk.syncDirectory(dirname(path))
  await shred(disk, `${path}.gone`)
}

/** Finishes what a crash left of segments being made and destroyed; what is seen in the directory is durable before that. */
export async function clearRemains(disk: Disk, directory: string): Promise<void> {
  await disk.syncDirectory(directory)
  for (const name of await disk.list(directory)) {
    if (name.endsWith('.new')) await disk.remove(join(directory, name))
    if (name.endsWith('.gone')) await shred(disk, join(directory, name))
  }
}

async function shred(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path).catch(unlessMissing)
  if (!file) return
  try {
    await file.write([Buffer.alloc(segmentHeaderBytes)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.remove(path)
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}

function headerOf(place: { partition: number; base: number; createdAt: number }, seed: number, dataKey: Buffer, key: Buffer): Buffer {
  const header = Buffer.alloc(copyBytes)
  header.writeUInt32BE(magic, 0)
  header.writeUInt16BE(version, 4)
  header.writeUInt16BE(place.partition, 6)
  header.writeUIntBE(place.base, 8, 6)
  header.writeUIntBE(place.createdAt, 14, 6)
  header.writeUInt32BE(seed, 20)
  randomBytes(12).copy(header, 24)
  const cipher = createCipheriv('aes-256-gcm', key, header.subarray(24, 36)).setAAD(header.subarray(0, 24))
  cipher.update(dataKey).copy(header, 36)
  cipher.final()
  cipher.getAuthTag().copy(header, 68)
  header.writeUInt32BE(crc32(header.subarray(0, checked)), checked)
  return header
}

function isWhole(copy: Buffer): boolean {
  return (
    copy.length === copyBytes &&
    copy.readUInt32BE(0) === magic &&
    copy.readUInt16BE(4) === version &&
    copy.readUInt32BE(checked) === crc32(copy.subarray(0, checked))
  )
}

function unwrap(copy: Buffer, key: Buffer): Buffer | null {
  const decipher = createDecipheriv('aes-256-gcm', key, copy.subarray(24, 36))
    .setAAD(copy.subarray(0, 24))
    .setAuthTag(copy.subarray(68, 84))
  const dataKey = decipher.update(copy.subarray(36, 68))
  try {
    decipher.final()
    return dataKey
  } catch {
    return null
  }
}
