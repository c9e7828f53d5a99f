import { closeSync, openSync, writeSync } from 'node:fs'
import type { Item } from './messages.ts'

/** A request as it is sent, again and again until it is answered or given up. */
export interface Request {
  number: number
  path: string
  body: string
  items: readonly Item[]
}

/** What is known of a message from outside. */
export interface Account {
  item: Item
  /** How often it went out: it can be in the log at most so often. */
  sent: number
  /** How often it was acknowledged: it has to be in the log at least so often. */
  acknowledged: number
}

/**
 * Who was told what. Everything stands in memory and, line by line, in a file for whoever looks into a failure; this process outlives
 * every server, so nothing need be synced.
 */
export class Witness {
  readonly accounts = new Map<string, Account>()
  /** Answers that were not what the request deserves. */
  readonly faults: string[] = []
  readonly requests = { acknowledged: 0, unanswered: 0, putOff: 0 }
  #file: number | undefined

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  /** Before it goes out. */
  sends({ number, path, items }: Request): void {
    for (const item of items) {
      const account = this.accounts.get(item.key) ?? { item, sent: 0, acknowledged: 0 }
      account.sent += 1
      this.accounts.set(item.key, account)
    }
    this.#note({ sends: number, path, items: items.map(({ key }) => key) })
  }

  /** The server has taken it on itself: every item is stored, or kept as rejected. @param rejected their places in the request */
  isAcknowledged({ number, items }: Request, status: number, rejected: readonly number[]): void {
    this.requests.acknowledged += 1
    for (const [index, item] of items.entries()) {
      const account = this.accounts.get(item.key)
      if (account) account.acknowledged += 1
      if (rejected.includes(index) !== (item.fate === 'refused'))
        this.faults.push(`request ${number} was answered as if ${item.key} were ${rejected.includes(index) ? '' : 'not '}to be refused`)
    }
    this.#note({ answered: number, status, rejected })
  }

  /** Nobody was there to take it: it is certainly not in the log. */
  foundNobody({ number, items }: Request): void {
    for (const item of items) {
      const account = this.accounts.get(item.key)
      if (account) account.sent -= 1
    }
    this.#note({ foundNobody: number })
  }

  /** It may be in the log or not. */
  isUnanswered({ number }: Request, because: string): void {
    this.requests.unanswered += 1
    this.#note({ unanswered: number, because })
  }

  /** The server has asked to send it again later. */
  isPutOff({ number }: Request, status: number): void {
    this.requests.putOff += 1
    this.#note({ putOff: number, status })
  }

  /** Something else that the reader of the file should know. */
  notes(happened: object): void {
    this.#note(happened)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #note(line: object): void {
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify({ at: Date.now(), ...line })}\n`)
  }
}
