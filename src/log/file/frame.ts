import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { randomNonce } from '../../privacy/nonce.ts'
import type { LogRecord } from '../log.ts'

/**
 * A frame is one group commit: the records that went to disk with one `fdatasync`. Numbers are big endian.
 *
 *     0 magic      4 header crc   8 body crc   12 body bytes   16 base offset (6)   22 written at, ms (6)
 *    28 offsets   32 records     36 nonce (12)               48 tag (16)          64 body
 *
 * The body is AES-256-GCM over a table (count and bytes of each record, 4 + 4) and the payloads; bytes 12 … 35 are authenticated with it.
 * Large ones are packed with zstd before, which costs less than sealing and writing what it saves: the highest bit of `records` says so.
 * Both checksums start from the segment's own seed, so bytes left over from another segment are never taken for a frame.
 */
export const frameHeaderBytes = 64
const magic = 0x5a4b_4652
export const frameMagic = Buffer.from([0x5a, 0x4b, 0x46, 0x52])

/** No body is longer: the largest payload and its row of the table. */
export const maxPayloadBytes = 32 * 1024 * 1024
const maxBodyBytes = maxPayloadBytes + 64 * 1024

/** Offsets that one record may take. */
export const maxCount = 2 ** 20

/** So many offsets at most are in a file of this size, whatever is in it. */
export function mostOffsetsIn(bytes: number): number {
  return Math.ceil(bytes / rowBytes) * maxCount
}

/** What belongs to one segment alone. */
export interface SegmentSecrets {
  key: KeyObject
  /** Where its checksums start from. */
  seed: number
}

export interface FrameHeader {
  base: number
  /** The offset after the frame's last event. */
  end: number
  at: number
  records: number
  bodyBytes: number
  /** The body was packed before it was sealed. */
  isPacked: boolean
}

/** An opened frame: its table and payloads in the clear. */
export interface Frame {
  base: number
  end: number
  at: number
  records: number
  plain: Buffer
}

export interface Unwritten {
  payload: Buffer
  count: number
}

export const rowBytes = 8

export function frameOf(records: readonly Unwritten[], base: number, at: number): Frame {
  let size = records.length * rowBytes
  for (const { payload } of records) size += payload.length
  const plain = Buffer.allocUnsafeSlow(size)
  let row = 0
  let place = records.length * rowBytes
  let end = base
  for (const { payload, count } of records) {
    plain.writeUInt32BE(count, row)
    plain.writeUInt32BE(payload.length, row + 4)
    plain.set(payload, place)
    row += rowBytes
    place += payload.length
    end += count
  }
  return { base, end, at, records: records.length, plain }
}

const packedBit = 0x8000_0000
const packFrom = 48 * 1024
const packing = { params: { [constants.ZSTD_c_compressionLevel]: -3 } }

/** Undefined where it is not worth it; never less than the table, so that a file's size bounds the offsets in it. */
function packed({ plain, records }: Frame): Buffer | undefined {
  if (plain.length < packFrom) return undefined
  const small = zstdCompressSync(plain, packing)
  return small.length < plain.length * 0.9 && small.length >= records * rowBytes ? small : undefined
}

/** Header and body as they go to disk. The nonce is random: a frame that failed and is written anew never reuses one. */
export function seal(frame: Frame, { key, seed }: SegmentSecrets): [Buffer, Buffer] {
  const small = packed(frame)
  const content = small ?? frame.plain
  const header = Buffer.alloc(frameHeaderBytes)
  header.writeUInt32BE(magic, 0)
  header.writeUInt32BE(content.length, 12)
  header.writeUIntBE(frame.base, 16, 6)
  header.writeUIntBE(frame.at, 22, 6)
  header.writeUInt32BE(frame.end - frame.base, 28)
  header.writeUInt32BE(small ? frame.records + packedBit : frame.records, 32)
  const nonce = randomNonce()
  nonce.copy(header, 36)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(header.subarray(12, 36))
  const body = cipher.update(content)
  cipher.final()
  cipher.getAuthTag().copy(header, 48)
  header.writeUInt32BE(crc32(body, seed), 8)
  header.writeUInt32BE(crc32(header.subarray(8), seed), 4)
  return [header, body]
}

/** The header that stands there, or null when there is none or it is not whole. */
export function headerAt(bytes: Buffer, seed: number): FrameHeader | null {
  if (bytes.length < frameHeaderBytes || bytes.readUInt32BE(0) !== magic) return null
  if (bytes.readUInt32BE(4) !== crc32(bytes.subarray(8, frameHeaderBytes), seed)) return null
  const base = bytes.readUIntBE(16, 6)
  const bodyBytes = bytes.readUInt32BE(12)
  if (bodyBytes > maxBodyBytes) return null
  const records = bytes.readUInt32BE(32)
  const isPacked = records >= packedBit
  return {
    base,
    end: base + bytes.readUInt32BE(28),
    at: bytes.readUIntBE(22, 6),
    records: isPacked ? records - packedBit : records,
    bodyBytes,
    isPacked,
  }
}

export function bodyIsWhole(header: Buffer, body: Buffer, seed: number): boolean {
  return header.readUInt32BE(8) === crc32(body, seed)
}

/** @throws when the body is not what was written under this key and header */
export function openFrame(head: FrameHeader, header: Buffer, body: Buffer, key: KeyObject): Frame {
  const decipher = createDecipheriv('aes-256-gcm', key, header.subarray(36, 48))
    .setAAD(header.subarray(12, 36))
    .setAuthTag(header.subarray(48, frameHeaderBytes))
  const content = decipher.update(body)
  decipher.final()
  const plain = head.isPacked ? zstdDecompressSync(content, { maxOutputLength: maxBodyBytes }) : content
  return { base: head.base, end: head.end, at: head.at, records: head.records, plain }
}

/** The frame's records from the one that covers `from` on; their payloads are views of the frame. */
export function* recordsOf(frame: Frame, partition: number, from: number): Generator<LogRecord> {
  let offset = frame.base
  let place = frame.records * rowBytes
  for (let row = 0; row < frame.records * rowBytes; row += rowBytes) {
    const count = frame.plain.readUInt32BE(row)
    const length = frame.plain.readUInt32BE(row + 4)
    if (offset + count > from) {
      yield { partition, offset, count, appendedAt: frame.at, payload: frame.plain.subarray(place, place + length) }
    }
    offset += count
    place += length
  }
}
