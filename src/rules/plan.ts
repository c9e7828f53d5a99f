import type { EntityKind } from '../catalogue/kinds.ts'
import type { Marks } from '../dictionary/marks.ts'
import type { BlindIndexOf } from '../dictionary/personal.ts'
import type { Win } from '../profiles/candidates.ts'
import type { AffinityRule, TagRule } from './schema.ts'
import { Binder, type Sql } from './sql/binder.ts'
import { type CalendarSql, calendarSql } from './sql/calendar-sql.ts'
import { never } from './sql/never.ts'
import { RowNames } from './sql/row-names.ts'
import { Scan } from './sql/scan.ts'
import { columnSubject, emptyList, type ListSubject } from './sql/subject.ts'
import type { Since } from './sql/window-sql.ts'

/** What a rule means depends on: the moment, the zone, what the workspace says of its data. */
export interface RuleContext {
  /** `at`, ms: a fact later than this does not exist yet. */
  now: number
  zone: string
  marks: Marks
  /** Personal values are compared as the keyed hashes that stand for them. */
  blindIndex: BlindIndexOf
  winOf: (trait: string) => Win
  /** The consent purpose whose state a trait is, where it is one. */
  mirrorOf?: ((trait: string) => string | undefined) | undefined
  /** Kinds of entities in the catalogue, as an `item` filter names them. */
  kinds?: readonly EntityKind[]
  since?: Since
  /** Whether a property of events may hold a list; any may, without it. */
  mayBeList?: (path: string) => boolean
  /** A definition that protects or serves the person reads sensitive data without its consent. */
  isExempt?: boolean
  /** Tags, audiences and affinities, where there are some: how one is read. Undefined for one that is not known. */
  derived?: (rule: DerivedRule, plan: Plan) => LeafSql | undefined
}

export type DerivedRule = TagRule | AffinityRule | { audience: string }

/** A pass that groups by one more key, and what holds for a profile if it holds for one of the key's values. */
export interface KeyedPass {
  scan: Scan
  from: Sql
  keys: Sql
  holds: Sql
  /** When one of the key's values is due; asked for lazily. */
  due?: Sql
}

/** What one statement has to read; the rules add to it while they are compiled. */
export class Plan {
  readonly context: RuleContext
  readonly binder = new Binder()
  readonly calendar: CalendarSql
  readonly rows = new RowNames()
  readonly events = new Scan('e')
  readonly eventNames = new Set<string>()
  readonly traits = new Scan('t')
  readonly traitKeys = new Set<string>()
  readonly consents = new Scan('c')
  /** Of tags and audiences that are not worked out live: what their runs said. */
  readonly inputs = new Scan('d')
  readonly inputIds = new Set<number>()
  readonly keyed: KeyedPass[] = []
  readonly #columns: Sql[] = []
  readonly #named: Sql[] = []
  /** What the rules read: events (`e:Page Viewed`), traits (`t:city`), consents (`c:marketing`), tags that are not worked out live (`d:12`), kinds of entities (`i:product`). */
  readonly reads = new Set<string>()
  #isExempt = false

  constructor(context: RuleContext) {
    this.context = context
    this.calendar = calendarSql(this.binder, context.zone)
    this.#isExempt = context.isExempt ?? false
  }

  /** Gives an expression over the passes' columns a name, so that it is worked out once and others can refer to it. */
  column(sql: Sql): Sql {
    return `b${this.#columns.push(sql) - 1}`
  }

  /** The named expressions as they stand in the statement. */
  get columns(): Sql[] {
    return this.#columns.map((sql, index) => `${sql} as b${index}`)
  }

  /** The named expressions by themselves, `b0` first. */
  get expressions(): readonly Sql[] {
    return this.#columns
  }

  /** What stands at a path of an event's properties or context; its parts have names, since many aggregates look at the same. */
  property(column: 'props' | 'context', path: string): ListSubject {
    const mayBeList = column === 'context' || (this.context.mayBeList?.(path.split('[]')[0] ?? path) ?? true)
    const { number, text, bool, list, present } = columnSubject(this.binder, column, path, mayBeList)
    const name = (part: Sql) => this.rows.name(part)
    return { number: name(number), text: name(text), bool: name(bool), present, list: list === emptyList ? list : name(list) }
  }

  /** As the operators want it. */
  get operators() {
    const { now, zone, since } = this.context
    return { binder: this.binder, calendar: this.calendar, now, zone, since }
  }

  /** Whether what is compiled now reads sensitive data without its consent. */
  get isExempt(): boolean {
    return this.#isExempt
  }

  /** Compiles a definition of its own: whether it is exempt does not depend on who refers to it. */
  definition<T>(isExempt: boolean, compile: () => T): T {
    const before = this.#isExempt
    this.#isExempt = isExempt
    try {
      return compile()
    } finally {
      this.#isExempt = before
    }
  }

  /** Column that says whether the consent is given at `now`. */
  consent(purpose: string): Sql {
    this.reads.add(`c:${purpose}`)
    return this.consents.add('argMaxIf', `given, (ts, position), purpose = ${this.binder.text(purpose)}`)
  }

  /** The consent's state at `now` as JSON: true given, false withdrawn, null where it was never asked. */
  consentState(purpose: string): Sql {
    const asked = this.consents.add('countIf', `purpose = ${this.binder.text(purpose)}`)
    return `if(${asked} > 0, if(${this.consent(purpose)}, 'true', 'false'), 'null')`
  }

  /** The name under which the statement can ask the query; it stands in front, once. */
  named(query: Sql): Sql {
    const known = this.#named.indexOf(query)
    return `x${known >= 0 ? known : this.#named.push(query) - 1}`
  }

  /** What stands in front of the statement. */
  get preamble(): Sql {
    return this.#named.length === 0 ? '' : `with ${this.#named.map((query, index) => `x${index} as (${query})`).join(',\n  ')}\n`
  }

  newKeyedScan(): Scan {
    return new Scan(`k${this.keyed.length}_`)
  }

  /** @returns the column that says whether it holds for one of the key's values */
  addKeyed(pass: KeyedPass): Sql {
    return `h${this.keyed.push(pass) - 1}`
  }

  /** @returns the column that says when the first of the key's values is due */
  keyedDue(pass: KeyedPass, due: Sql): Sql {
    pass.due = due
    const column = `u${this.keyed.indexOf(pass)}`
    return `if(${column} <= 0, ${never}, ${column})`
  }
}

/** A leaf of a rule in SQL. */
export interface LeafSql {
  /** A condition over the plan's columns that is never null. */
  holds: Sql
  /** Consent purposes without which it is unknown. */
  needs: readonly string[]
  /** What shows why: columns by name. */
  evidence: Readonly<Record<string, Sql>>
  /**
   * The moment after `now` (Int64 ms) until which it keeps its truth as long as no fact comes, not later than the first change; `never` where
   * time alone changes nothing. Asked for only where it is wanted, since it adds columns to the passes.
   */
  due: () => Sql
}
