import { randomUUID } from 'node:crypto'
import type { Identifier } from '../collect/event.ts'
import { append, examine } from '../collect/examine.ts'
import { type PlatformItem, platform } from '../collect/formats/platform.ts'
import { platformSource, type TagAssignment, tagAssigned, tagTrait } from '../collect/tag-trait.ts'
import { findIdentifier } from '../identity/find.ts'
import type { NamespaceRules } from '../identity/namespace-rules.ts'
import { strongestIdentifiers } from '../identity/strongest.ts'
import type { Log } from '../log/log.ts'
import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'

export interface AssignParts {
  postgres: Queryable
  keys: Keys
  namespaces: () => Promise<NamespaceRules>
  log: Log
  now: () => number
}

/** Whom, and what; without an assignment what was assigned is taken away. */
export interface Assigning {
  to: { profile: number } | { identifier: Identifier }
  assignment: TagAssignment | undefined
}

export interface NotAssigned {
  index: number
  code: 'no-such-profile' | 'no-identifier' | 'value-not-listed' | 'until-past'
  message: string
}

const reasons = {
  'no-such-profile': 'nobody is known by this: send events of the person first',
  'no-identifier': 'the profile holds no identifier that links, so nothing can be said of it',
  'value-not-listed': 'the tag does not list this value: see its values',
  'until-past': 'it would have ended already: give a later "until", or remove it',
} as const

/**
 * Writes assignments of a tag into the log, as facts of the platform; they take effect as all facts do.
 * @param listed the values that the tag allows; any without it
 * @returns those that were not taken, by their place
 */
export async function assign(
  { postgres, keys, namespaces, log, now }: AssignParts,
  tag: string,
  assigning: readonly Assigning[],
  by: string,
  listed: readonly unknown[] | undefined,
): Promise<NotAssigned[]> {
  const at = now()
  const rules = await namespaces()
  const profiles = assigning.flatMap(({ to }) => ('profile' in to ? [to.profile] : []))
  const [known, strongest] = await Promise.all([knownProfiles(postgres, profiles), strongestIdentifiers(postgres, rules, keys, profiles)])
  const refused: NotAssigned[] = []
  const items: PlatformItem[] = []
  for (const [index, { to, assignment }] of assigning.entries()) {
    const identifier = 'profile' in to ? strongest.get(to.profile) : await linked(postgres, rules, keys, to.identifier)
    const code =
      faultOf(assignment, listed, at) ??
      (identifier ? undefined : 'profile' in to && known.has(to.profile) ? 'no-identifier' : 'no-such-profile')
    if (code || !identifier) refused.push({ index, code: code ?? 'no-such-profile', message: reasons[code ?? 'no-such-profile'] })
    else items.push(itemOf(tag, identifier, assignment, by, at))
  }
  if (items.length > 0) {
    const request = {
      format: platform,
      form: 'facts',
      source: platformSource,
      channel: 'platform',
      receivedAt: at,
      ip: '',
      room: 0,
    } as const
    const { records } = examine({ ...request, bytes: Buffer.from(JSON.stringify(items)) }, log.partitions)
    await append(log, records)
  }
  return refused
}

function faultOf(
  assignment: TagAssignment | undefined,
  listed: readonly unknown[] | undefined,
  now: number,
): NotAssigned['code'] | undefined {
  if (assignment === undefined) return undefined
  if (listed && !listed.includes(assignment.value)) return 'value-not-listed'
  return assignment.until !== undefined && assignment.until <= now ? 'until-past' : undefined
}

function itemOf(tag: string, identifier: Identifier, assignment: TagAssignment | undefined, by: string, ts: number): PlatformItem {
  const key = tagTrait(tag)
  return {
    messageId: randomUUID(),
    event: tagAssigned,
    ts,
    props: { tag, by, ...(assignment ?? { removed: true }) },
    identifiers: [identifier],
    traits: [assignment ? { key, op: 'set', value: { ...assignment } } : { key, op: 'unset' }],
  }
}

/** An identifier that says who it is: one that many share, or that nobody has, does not. */
async function linked(db: Queryable, rules: NamespaceRules, keys: Keys, identifier: Identifier): Promise<Identifier | undefined> {
  const found = await findIdentifier(db, rules, keys, identifier)
  return found?.state === 'linked' ? identifier : undefined
}

async function knownProfiles(db: Queryable, profiles: readonly number[]): Promise<Set<number>> {
  const rows = await db.query<{ leaf: number }>('select leaf from leaves where leaf = any($1::bigint[])', [[...profiles]])
  return new Set(rows.map(({ leaf }) => leaf))
}
