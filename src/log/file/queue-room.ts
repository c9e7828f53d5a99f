/** How much may wait to be written, in all partitions together. */
export interface QueueRoom {
  fits(payloadBytes: number): boolean
  take(payloadBytes: number): void
  give(payloadBytes: number): void
}

/** What a waiting record costs beside its payload. */
const overheadBytes = 256

export function queueRoom(maxBytes: number): QueueRoom {
  let bytes = 0
  return {
    // One record alone is taken whatever its size, or it could never be written.
    fits: payloadBytes => bytes === 0 || bytes + payloadBytes + overheadBytes <= maxBytes,
    take(payloadBytes) {
      bytes += payloadBytes + overheadBytes
    },
    give(payloadBytes) {
      bytes -= payloadBytes + overheadBytes
    },
  }
}
