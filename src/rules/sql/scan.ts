import type { Sql } from './binder.ts'
import type { RowNames } from './row-names.ts'

/** Leaves whose facts go elsewhere, and where: what is not in here is its own root. */
const mapping = '(select leaf, argMax(root, version) as root from roots group by leaf having root != leaf)'

/** Aggregates whose results per leaf make the one per profile by themselves; of the others the state is kept, which costs more. */
const together: Readonly<Record<string, string>> = {
  count: 'sum',
  countIf: 'sum',
  sum: 'sum',
  sumIf: 'sum',
  sumArrayIf: 'sum',
  min: 'min',
  max: 'max',
}

/**
 * One pass over a table of facts: aggregates per leaf first, then per profile (and, where there is one, per value of a key). The columns have
 * the prefix that tells them apart from those of other passes; what is not there comes out as the default of its type.
 */
export class Scan {
  readonly #columns: { fn: string; args: Sql }[] = []
  readonly #prefix: string

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** @param fn the aggregate function, `countIf`; the same one asked for again is the same column */
  add(fn: string, args: Sql): Sql {
    const known = this.#columns.findIndex(column => column.fn === fn && column.args === args)
    const index = known >= 0 ? known : this.#columns.push({ fn, args }) - 1
    return `${this.#prefix}${index}`
  }

  get isEmpty(): boolean {
    return this.#columns.length === 0
  }

  /** The columns that a text names, each once. */
  namesIn(text: Sql): Sql[] {
    return [...new Set(text.match(new RegExp(`\\b${this.#prefix}\\d+\\b`, 'g')))]
  }

  isIn(text: Sql): boolean {
    return this.namesIn(text).length > 0
  }

  /** The text with the aggregates themselves in place of the columns' names. */
  inline(text: Sql): Sql {
    return text.replace(new RegExp(`\\b${this.#prefix}(\\d+)\\b`, 'g'), (name, index) => {
      const column = this.#columns[Number(index)]
      return column ? `${column.fn}(${column.args})` : name
    })
  }

  /** Everybody: per leaf first, then per profile. @param from table and conditions: `events where …` */
  sql(from: Sql, rows: RowNames, key?: Key): Sql {
    const inner = this.#columns
      .map(({ fn, args }, index) => `${together[fn] ? fn : combined(fn, 'State')}(${args}) as ${this.#prefix}s${index}`)
      .join(', ')
    const outer = this.#columns.map(
      ({ fn }, index) => `${together[fn] ?? combined(fn, 'Merge')}(${this.#prefix}s${index}) as ${this.#prefix}${index}`,
    )
    const keyed = key ? `, arrayJoin(${key.of}) as ${key.name}` : ''
    const named = key ? `, ${key.name}` : ''
    return (
      `select if(m.root = 0, f.leaf, m.root) as profile${named}, ${outer.join(', ')}\n` +
      `from (${rows.with(inner + keyed)} select leaf${keyed}, ${inner} from ${from} group by leaf${named}) as f\n` +
      `any left join ${mapping} as m on m.leaf = f.leaf group by profile${named}`
    )
  }

  /** People whose leaves are known: per profile at once. @param profile SQL of a leaf's profile */
  scoped(from: Sql, profile: Sql, rows: RowNames, key?: Key): Sql {
    const columns = this.#columns.map(({ fn, args }, index) => `${fn}(${args}) as ${this.#prefix}${index}`).join(', ')
    const keyed = key ? `, arrayJoin(${key.of}) as ${key.name}` : ''
    const named = key ? `, ${key.name}` : ''
    return `${rows.with(columns + keyed)} select ${profile} as profile${keyed}, ${columns} from ${from} group by profile${named}`
  }
}

export interface Key {
  name: Sql
  of: Sql
}

/** `groupArraySortedIf(3)` → `groupArraySortedIfState(3)` */
function combined(fn: string, suffix: 'State' | 'Merge'): string {
  const at = fn.indexOf('(')
  return at < 0 ? `${fn}${suffix}` : `${fn.slice(0, at)}${suffix}${fn.slice(at)}`
}

/** The profile of every leaf that the conditions find: `profile`, each once. */
export function profilesOf(from: readonly Sql[]): Sql {
  const leaves = from.map(one => `select leaf from ${one} group by leaf`).join(' union distinct ')
  return `select if(m.root = 0, f.leaf, m.root) as profile from (${leaves}) as f any left join ${mapping} as m on m.leaf = f.leaf group by profile`
}

/** Leaves of these profiles. */
export function leavesOf(profiles: Sql): Sql {
  return (
    `(leaf in (select leaf from ${mapping} where has(${profiles}, root)) or ` +
    `(has(${profiles}, leaf) and leaf not in (select leaf from ${mapping})))`
  )
}
