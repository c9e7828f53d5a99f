import { hash } from 'node:crypto'
import { dayOf, type Prints, wordsPerPrint } from './prints.ts'

/** A message is known by its source and the id that the source gave it. */
export interface Message {
  source: string
  messageId: string
  /** ms */
  receivedAt: number
}

/**
 * Makes the prints of messages, in their order: SHA-256 of a secret, the source and the id, of which 112 bits are kept. Without the
 * secret nobody can look for messages that fall on each other or into one place of a table.
 */
export function fingerprinting(key: Buffer): (messages: readonly Message[]) => Prints {
  const secret = key.toString('base64').slice(0, 22)
  return messages => {
    const prints = new Uint32Array(messages.length * wordsPerPrint)
    let at = 0
    for (const { source, messageId, receivedAt } of messages) {
      const digest = hash('sha256', `${secret}${source}\0${messageId}`, 'binary')
      prints[at++] = wordAt(digest, 0)
      prints[at++] = wordAt(digest, 4)
      prints[at++] = wordAt(digest, 8)
      prints[at++] = (digest.charCodeAt(12) << 24) | (digest.charCodeAt(13) << 16) | dayOf(receivedAt)
    }
    return prints
  }
}

function wordAt(text: string, at: number): number {
  return (text.charCodeAt(at) << 24) | (text.charCodeAt(at + 1) << 16) | (text.charCodeAt(at + 2) << 8) | text.charCodeAt(at + 3)
}
