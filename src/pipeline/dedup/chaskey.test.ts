import { expect, test } from 'vitest'
import { chaskey, chaskeyKey } from './chaskey.ts'

/** From the author's reference implementation: the hash of the bytes 0, 1, 2 … of each length. */
const reference: [length: number, hash: [number, number, number, number]][] = [
  [0, [0x43cb1f41, 0x51eba0c2, 0xff0a8ac3, 0x7ee3f642]],
  [1, [0xf9ac2067, 0x9c35a846, 0x441aad3d, 0x777b7330]],
  [15, [0x03cfb44b, 0x283c8163, 0xfca71448, 0xc40a0aea]],
  [16, [0x5dd0e2a9, 0xfb5eac8c, 0x633a392e, 0x500c36f3]],
  [17, [0x8b5f6d5a, 0x202314f6, 0x22092368, 0x9639e606]],
  [32, [0x77962784, 0x07c647fa, 0xdd752c0f, 0xd2f5a799]],
  [34, [0x4cddf615, 0xef51f2f3, 0xb254b4ae, 0xfdab76d9]],
  [36, [0xa98ecb80, 0x5ef583cf, 0x4e20e76e, 0x7873b8f1]],
  [47, [0x8494b5bc, 0x5317b7b3, 0xcfe08756, 0x97a2d14e]],
  [63, [0x2dd072e1, 0x42b89efe, 0xfb26b615, 0x049aa451]],
]

test('hashes are those of the reference implementation, whatever stood in memory after the message', () => {
  const key = chaskeyKey(Buffer.from('33343d839f389f004fe6982339cf7a41', 'hex'))
  for (const garbage of [0, 255]) {
    for (const [length, expected] of reference) {
      const bytes = new Uint8Array(96).fill(garbage)
      for (let i = 0; i < length; i++) bytes[i] = i
      const hash = new Uint32Array(5)
      chaskey(key, new Int32Array(bytes.buffer), length, hash, 1)
      expect([...hash]).toEqual([0, ...expected])
    }
  }
})
