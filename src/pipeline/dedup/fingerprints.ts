import { createHmac } from 'node:crypto'
import { type ChaskeyKey, chaskey, chaskeyKey } from './chaskey.ts'
import { dayOf, type Prints, wordsPerPrint } from './prints.ts'

/** A message is known by its source and the id that the source gave it. */
export interface Message {
  source: string
  /** Well-formed text. */
  messageId: string
  /** ms */
  receivedAt: number
}

/**
 * Makes the prints of messages, in their order. The hash is keyed, and each source has a key of its own, derived from `key`: without it
 * nobody can look for ids that fall on each other or into one place of a table.
 */
export function fingerprinting(key: Buffer): (messages: readonly Message[]) => Prints {
  const keys = new Map<string, ChaskeyKey>()
  const utf8 = new TextEncoder()
  let words = new Int32Array(256)
  let bytes = new Uint8Array(words.buffer)

  const keyOf = (source: string) => {
    const known = keys.get(source) ?? chaskeyKey(createHmac('sha256', key).update(source).digest())
    keys.set(source, known)
    return known
  }

  return messages => {
    const prints = new Uint32Array(messages.length * wordsPerPrint)
    let at = 0
    for (const { source, messageId, receivedAt } of messages) {
      if (bytes.length < 3 * messageId.length + 16) {
        words = new Int32Array(messageId.length + 4)
        bytes = new Uint8Array(words.buffer)
      }
      chaskey(keyOf(source), words, utf8.encodeInto(messageId, bytes).written, prints, at)
      prints[at + 3] = ((prints[at + 3] as number) & 0xffff0000) | dayOf(receivedAt)
      at += wordsPerPrint
    }
    return prints
  }
}
