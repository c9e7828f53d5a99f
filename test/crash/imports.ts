import { setTimeout as sleep } from 'node:timers/promises'
import type { MappingDocument } from '../../src/import/mapping/mapping.ts'
import { type Chance, chanceFrom } from './chance.ts'
import type { Item } from './messages.ts'
import type { Person } from './people.ts'
import type { Load } from './senders.ts'
import { bearer } from './server.ts'

/** A file that was imported, and what its rows have to become. */
export interface ImportedFile {
  id: number
  /** Row by row; a message that was there before, in this file or in one before it, is a repeat. */
  rows: readonly Item[]
}

export interface ImportSettings {
  url: string
  people: readonly Person[]
  seed: number
  rowsPerFile: number
  /** On the average, over all files. */
  rowsPerSecond: number
}

export interface Imports extends Load {
  /** Ends without waiting for anything. */
  giveUp(): void
  /** Those that are done. */
  readonly files: readonly ImportedFile[]
  /** What went wrong, as sentences. */
  readonly faults: readonly string[]
}

export const importSource = 'crm'

const mapping: MappingDocument = {
  source: importSource,
  kind: 'events',
  event: 'Visit Paid',
  identifiers: { member: 'user_id', phone: 'phone' },
  time: { column: 'paid_at', format: 'iso' },
  props: { order_no: 'mark' },
  traits: { level: 'tier', points: { key: 'points', type: 'number' } },
  messageId: ['order_no'],
}
const header = 'order_no,member,phone,paid_at,level,points,remark'
/** A column that nobody maps, which makes batches of few rows: a batch has so many bytes at most. */
const remark = 'nothing to remark '.repeat(220)

/** Somebody who imports one file after the other, sends again what was not answered and resumes what has failed. */
export function startImports(settings: ImportSettings): Imports {
  const files: ImportedFile[] = []
  const faults: string[] = []
  let isClosed = false
  let isAtRest = true
  const ended = new AbortController()
  const gaveUp = new AbortController()
  const working = work().catch(error => {
    if (!gaveUp.signal.aborted) faults.push(String(error))
    isAtRest = true
  })

  async function work(): Promise<void> {
    const chance = chanceFrom(settings.seed * 7 + 3)
    const earlier: Item[] = []
    for (let number = 1; ; number++) {
      while (isClosed) await sleep(20)
      if (ended.signal.aborted) return
      isAtRest = false
      const rows = rowsOf(number, chance, settings, earlier)
      const id = await untilDone(asking(settings.url, gaveUp.signal), bodyOf(rows), `orders-${number}.csv`, faults)
      files.push({ id, rows })
      earlier.push(...rows.filter(({ fate }) => fate === 'taken').slice(0, 50))
      isAtRest = true
      await pause((rows.length / settings.rowsPerSecond) * 1_000, ended.signal)
    }
  }

  return {
    files,
    faults,
    async pause() {
      isClosed = true
      while (!isAtRest) await sleep(20)
    },
    goOn() {
      isClosed = false
    },
    async end() {
      isClosed = false
      ended.abort()
      await working
    },
    giveUp() {
      isClosed = false
      ended.abort()
      gaveUp.abort()
    },
  }
}

/** Until it is over, or does not matter any more. */
function pause(ms: number, signal: AbortSignal): Promise<unknown> {
  return sleep(ms, undefined, { signal }).catch(() => undefined)
}

function rowsOf(number: number, chance: Chance, { people, rowsPerFile }: ImportSettings, earlier: readonly Item[]): Item[] {
  const rows: Item[] = []
  for (let row = 1; row <= rowsPerFile; row++) {
    const known = [...earlier, ...rows.slice(-20).filter(({ fate }) => fate === 'taken')]
    rows.push(known.length > 0 && chance.happens(0.03) ? chance.pick(known) : rowOf(`o-${number}-${row}`, chance, chance.pick(people)))
  }
  return rows
}

function rowOf(key: string, chance: Chance, person: Person): Item {
  const kind = chance.next()
  const fate = kind < 0.02 ? 'refused' : kind < 0.03 ? 'nobody' : 'taken'
  const paidAt = fate === 'refused' ? 'yesterday' : new Date(1_735_689_600_000 + chance.between(0, 10 ** 10)).toISOString()
  const tier = chance.pick(['gold', 'silver', 'bronze'])
  const points = chance.between(1, 5_000)
  const who = fate === 'nobody' ? 'null,' : `${person.userId},${person.phone}`
  return {
    key,
    message: `${key},${who},${paidAt},${tier},${points},${remark}`,
    fate,
    code: '',
    event: 'Visit Paid',
    identifiers: [
      { namespace: 'user_id', value: person.userId },
      { namespace: 'phone', value: person.phone.replaceAll(' ', '') },
    ],
    traits: { tier, points },
    consents: {},
  }
}

function bodyOf(rows: readonly Item[]): string {
  return `${[header, ...rows.map(({ message }) => message)].join('\n')}\n`
}

const stuckAfterMs = 90_000

async function untilDone(ask: Ask, body: string, fileName: string, faults: string[]): Promise<number> {
  const query = new URLSearchParams({ fileName, mapping: JSON.stringify(mapping) })
  const { id } = await ask(`?${query}`, { method: 'POST', body, headers: { 'content-type': 'application/octet-stream' } })
  let seen = ''
  let seenAt = performance.now()
  for (;;) {
    const { state, rows, failure } = await ask(`/${id}`)
    if (state === 'done') return id
    const now = `${state} ${rows.read}`
    if (now !== seen) seenAt = performance.now()
    seen = now
    const isStuck = performance.now() - seenAt > stuckAfterMs
    if (isStuck) faults.push(`the import ${id} has been ${state} at ${rows.read} rows for ${stuckAfterMs / 1_000} s`)
    if (isStuck) seenAt = performance.now()
    if (failure !== null && !failure.includes('It can be resumed')) faults.push(`the import ${id} says: ${failure}`)
    if (isStuck || state === 'failed') await ask(`/${id}/resume`, { method: 'POST' })
    await sleep(100)
  }
}

interface ImportState {
  id: number
  state: string
  failure: string | null
  rows: { read: number }
}

type Ask = (path: string, request?: RequestInit) => Promise<ImportState>

/** Asks until it is answered: the server may be down at the moment, or about to be. */
function asking(url: string, gaveUp: AbortSignal): Ask {
  return async (path, request = {}) => {
    for (;;) {
      gaveUp.throwIfAborted()
      const headers = { ...bearer, ...(request.headers as Record<string, string>) }
      const signal = AbortSignal.any([gaveUp, AbortSignal.timeout(120_000)])
      const answer = await fetch(`${url}/api/imports${path}`, { ...request, headers, signal }).catch(() => undefined)
      const text = await answer?.text().catch(() => undefined)
      if (answer?.ok && text !== undefined) return JSON.parse(text)
      if (answer && answer.status < 500 && text !== undefined) throw new Error(`an import was answered with ${answer.status}: ${text}`)
      await sleep(200)
    }
  }
}
