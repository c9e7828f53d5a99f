import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Chance, chanceFrom } from './chance.ts'
import { type Item, isObject, messageOf } from './messages.ts'
import type { Person } from './people.ts'
import { writeKey } from './server.ts'
import type { Request, Witness } from './witness.ts'

export interface Load {
  /** Nothing is on its way when this resolves, and nothing goes out until `goOn`. */
  pause(): Promise<void>
  goOn(): void
  end(): Promise<void>
}

export interface LoadSettings {
  url: string
  people: readonly Person[]
  witness: Witness
  seed: number
  senders: number
  /** Messages per second that all of them together try to send. */
  rate: number
}

/** Clients that send all the time, and again what was not answered, as SDKs do. */
export function startLoad({ url, people, witness, seed, senders, rate }: LoadSettings): Load {
  const valve = openValve()
  const agent = new Agent({ keepAlive: true, maxSockets: senders })
  let numbered = 0
  const clients = Array.from({ length: senders }, (_, index) => {
    const chance = chanceFrom(seed * 1_000 + index)
    const client = new Client(`${index}`, chance, people, () => ++numbered)
    return client.sendUntil(valve, witness, (path, body) => post(url, path, body, agent), rate / senders)
  })
  return {
    pause: () => valve.close(senders),
    goOn: () => valve.open(),
    async end() {
      valve.end()
      await Promise.all(clients)
      agent.destroy()
    },
  }
}

const unreadable = 'invalid_json'

type Post = (path: string, body: string) => Promise<{ status: number; body: string }>

/** One sender with what it has in hand. */
class Client {
  readonly #name: string
  readonly #chance: Chance
  readonly #people: readonly Person[]
  readonly #number: () => number
  readonly #waiting: Request[] = []
  readonly #answered: Request[] = []
  #messages = 0

  constructor(name: string, chance: Chance, people: readonly Person[], number: () => number) {
    this.#name = name
    this.#chance = chance
    this.#people = people
    this.#number = number
  }

  async sendUntil(valve: Valve, witness: Witness, post: Post, rate: number): Promise<void> {
    for (let isDown = false; await valve.pass(); ) {
      const request = this.#next()
      const count = request.items.length
      const answered = await this.#send(request, witness, post)
      if (!answered) await valve.during(sleep(isDown ? 200 : 20))
      else await valve.during(sleep((count / rate) * 1_000 * this.#chance.next() * 2))
      isDown = !answered
    }
  }

  #next(): Request {
    const again = this.#waiting.shift()
    if (again) return again
    const earlier = this.#answered.length > 0 && this.#chance.happens(0.06) ? this.#chance.pick(this.#answered) : undefined
    if (earlier) return { ...earlier, number: this.#number() }
    return this.#chance.happens(0.01) ? this.#unreadable() : this.#chance.happens(0.1) ? this.#single() : this.#batch()
  }

  async #send(request: Request, witness: Witness, post: Post): Promise<boolean> {
    witness.sends(request)
    try {
      const { status, body } = await post(request.path, request.body)
      if (status === 200 || status === 400) witness.isAcknowledged(request, status, rejectedIn(request, status, body))
      else witness.isPutOff(request, status)
      if (status !== 200 && status !== 400) return this.#later(request)
      this.#remember(request)
      return true
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
      if (code === 'ECONNREFUSED') witness.foundNobody(request)
      else witness.isUnanswered(request, code)
      return this.#later(request)
    }
  }

  /** A few of those that were answered, to be sent again. */
  #remember(request: Request): void {
    if (this.#answered.length < 30) this.#answered.push(request)
    else this.#answered[this.#chance.between(0, 29)] = request
  }

  /** SDKs try for a while; what has no message id of its own cannot be sent twice without being counted twice. */
  #later(request: Request): false {
    const repeatable = request.items.every(({ message }) => !isObject(message) || 'messageId' in message)
    if (repeatable && this.#chance.happens(0.97)) this.#waiting.push(request)
    return false
  }

  #batch(): Request {
    const size = this.#chance.happens(0.03) ? this.#chance.between(150, 400) : this.#chance.between(1, 40)
    const items = Array.from({ length: size }, () => this.#message())
    // The same message twice in one request, and one that was there before.
    if (this.#chance.happens(0.1)) items.push(this.#chance.pick(items))
    const before = this.#answered.length > 0 && this.#chance.happens(0.1) ? this.#chance.pick(this.#answered).items[0] : undefined
    if (before && before.code !== unreadable) items.splice(this.#chance.between(0, items.length), 0, before)
    const batch = items.map(({ message }) => message)
    return { number: this.#number(), path: '/v1/batch', body: JSON.stringify({ batch, sentAt: new Date().toISOString() }), items }
  }

  #single(): Request {
    for (;;) {
      const item = this.#message()
      const type = isObject(item.message) ? item.message.type : undefined
      if (!['track', 'identify', 'page', 'alias'].includes(String(type))) continue
      return { number: this.#number(), path: `/v1/${type}`, body: JSON.stringify(item.message), items: [item] }
    }
  }

  #unreadable(): Request {
    const key = `not json ${this.#nextKey()}`
    const item = { key, message: key, fate: 'refused', code: unreadable, event: '', identifiers: [], traits: {}, consents: {} } as const
    return { number: this.#number(), path: '/v1/batch', body: key, items: [item] }
  }

  #message(): Item {
    return messageOf(this.#chance, this.#chance.pick(this.#people), this.#nextKey())
  }

  #nextKey(): string {
    this.#messages += 1
    return `m-${this.#name}-${this.#messages}`
  }
}

/** The places of the items that the answer calls rejected; it lists the first hundred only, and all of them when nothing was taken. */
function rejectedIn(request: Request, status: number, body: string): number[] {
  if (status === 400) return [...request.items.keys()]
  const { rejected = [], rejectedCount = 0 } = JSON.parse(body) as { rejected?: { index: number }[]; rejectedCount?: number }
  const listed = rejected.map(({ index }) => index)
  if (listed.length === rejectedCount) return listed
  const more = [...request.items.keys()].filter(index => request.items[index]?.fate === 'refused' && !listed.includes(index))
  return [...listed, ...more.slice(0, rejectedCount - listed.length)]
}

function post(url: string, path: string, body: string, agent: Agent): Promise<{ status: number; body: string }> {
  const authorization = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`
  return new Promise((resolve, reject) => {
    const headers = { authorization, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = httpRequest(`${url}${path}`, { method: 'POST', agent, headers }, answer => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', chunk => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }))
      answer.on('error', reject)
      answer.on('close', () => reject(new Error('the answer was cut off')))
    })
    sent.on('error', reject)
    sent.setTimeout(120_000, () => sent.destroy(new Error('no answer')))
    sent.end(body)
  })
}

interface Valve {
  /** Waits while it is closed; false once it has ended. */
  pass(): Promise<boolean>
  /** What waits for nothing but time counts as having come to rest. */
  during(pause: Promise<unknown>): Promise<void>
  /** Resolves when as many as pass here have come to rest. */
  close(passing: number): Promise<void>
  open(): void
  end(): void
}

function openValve(): Valve {
  let state: 'open' | 'closed' | 'ended' = 'open'
  let resting = 0
  let opened = Promise.withResolvers<void>()
  const atRest = async (pause: Promise<unknown>) => {
    resting += 1
    await pause
    resting -= 1
  }
  return {
    async pass() {
      while (state === 'closed') await atRest(opened.promise)
      return state !== 'ended'
    },
    during: atRest,
    async close(passing) {
      state = 'closed'
      while (resting < passing) await sleep(10)
    },
    open() {
      state = 'open'
      opened.resolve()
      opened = Promise.withResolvers<void>()
    },
    end() {
      state = 'ended'
      opened.resolve()
    },
  }
}
