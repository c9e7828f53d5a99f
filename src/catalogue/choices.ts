import { hides, type Mark, type Marks, markAt } from '../dictionary/marks.ts'
import { isPersonalTrait, showsPersonal } from '../dictionary/personal.ts'
import { isShowable } from '../dictionary/seen.ts'
import type { ShownPath } from '../dictionary/shown.ts'
import type { ClickHouse } from '../store/clickhouse.ts'
import type { Queryable } from '../store/postgres.ts'
import { leafSample } from './sample.ts'
import { topValuesOfEvent, topValuesOfTraits, type ValueCount } from './top-values.ts'

/** A value to choose, with its names; how often it occurs is an estimate, and unknown where values are not looked at. */
export interface Choice {
  value: ValueCount['value']
  zh?: string | undefined
  en?: string | undefined
  count?: number
}

const eventsWanted = 50_000
const leavesWanted = 50_000
const kept = 500
const keptForMs = 60_000

/** Looks for the values that people can choose from, and remembers them for a minute. */
export class Choices {
  readonly #postgres: Queryable
  readonly #clickhouse: ClickHouse
  readonly #now: () => number
  readonly #known = new Map<string, { until: number; found: Promise<Found> }>()

  constructor(postgres: Queryable, clickhouse: ClickHouse, now: () => number) {
    this.#postgres = postgres
    this.#clickhouse = clickhouse
    this.#now = now
  }

  /** @param count how often the event occurred */
  async ofProperties(event: string, count: number, paths: readonly ShownPath[], marks: Marks): Promise<Map<string, Choice[]>> {
    const shown = paths.filter(({ path }) => showsProperty(event, path, marks)).map(({ path }) => path)
    const found = await this.#remembered(['event', event, ...shown], async () => {
      const sample = await leafSample(this.#postgres, { share: eventsWanted / Math.max(count, 1) })
      const some = await topValuesOfEvent(this.#clickhouse, event, shown, sample)
      // Few people may have nearly all of the events.
      const enough = !sample || some.looked >= eventsWanted / 10
      const { looked, values } = enough ? some : await topValuesOfEvent(this.#clickhouse, event, shown, undefined)
      return { values, scale: Math.max(1, count / Math.max(looked, 1)) }
    })
    return new Map(paths.map(one => [one.path, choicesOf(one, found, markAt(marks, event, one.path))]))
  }

  async ofTraits(traits: readonly ShownPath[], marks: Marks): Promise<Map<string, Choice[]>> {
    const keys = traits.filter(({ path, mirror }) => mirror === undefined && showsTrait(path, marks)).map(({ path }) => path)
    const found = await this.#remembered(['traits', ...keys], async () => {
      const sample = await leafSample(this.#postgres, { leaves: leavesWanted })
      return { values: await topValuesOfTraits(this.#clickhouse, keys, sample), scale: 1 / (sample?.share ?? 1) }
    })
    return new Map(traits.map(one => [one.path, choicesOf(one, found, marks.ofTrait(one.path))]))
  }

  #remembered(key: readonly string[], find: () => Promise<Found>): Promise<Found> {
    const name = JSON.stringify(key)
    const known = this.#known.get(name)
    if (known && known.until > this.#now()) return known.found
    if (this.#known.size >= kept) this.#known.clear()
    const found = find()
    found.catch(() => this.#known.delete(name))
    this.#known.set(name, { until: this.#now() + keptForMs, found })
    return found
  }
}

/** What was found in a part of the facts, and how many times as many there are. */
interface Found {
  values: ReadonlyMap<string, readonly ValueCount[]>
  scale: number
}

function showsProperty(event: string, path: string, marks: Marks): boolean {
  const mark = markAt(marks, event, path)
  return !hides(mark) && (mark?.personal === false || isShowable(lastStep(path)))
}

function showsTrait(key: string, marks: Marks): boolean {
  const mark = marks.ofTrait(key)
  return !hides(mark) && !isPersonalTrait(key, marks) && (mark?.personal === false || isShowable(key))
}

/** Values that have names come whether they were seen or not; values that read like personal data do not come at all. */
function choicesOf({ path, values = {} }: ShownPath, found: Found, mark: Mark | undefined): Choice[] {
  const isPublic = (value: ValueCount['value']) => mark?.personal === false || !showsPersonal(lastStep(path), String(value))
  const seen = (found.values.get(path) ?? []).filter(({ value }) => isPublic(value))
  const named = Object.keys(values).filter(name => !seen.some(({ value }) => String(value) === name))
  return [
    ...seen.map(({ value, count }) => ({ value, ...values[String(value)], count: Math.round(count * found.scale) })),
    ...named.map(value => ({ value, ...values[value] })),
  ]
}

function lastStep(path: string): string {
  return (path.split('.').at(-1) ?? path).replace(/(\[\])+$/, '')
}
