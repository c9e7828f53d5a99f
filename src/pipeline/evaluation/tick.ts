import { everybody, noteMemberships } from '../../definitions/bases.ts'
import type { Definition } from '../../definitions/definition.ts'
import { advanceFill, type Fill, finishFill } from '../../definitions/fills.ts'
import type { DefinitionSet } from '../../definitions/set.ts'
import { revisionIn } from '../../definitions/store.ts'
import { type ProfileState, removeStates, saveStates, statesOf } from '../../profiles/states.ts'
import type { Postgres, Queryable } from '../../store/postgres.ts'
import { keepTick, type TickChanges } from './apply.ts'
import type { Assessment } from './assess.ts'
import { difference, type Transition } from './diff.ts'
import { nextTick } from './lease.ts'
import { MembershipChanges, membershipValues } from './memberships.ts'
import type { Reason, Work } from './work.ts'

/** What was worked out for a tick, and what for. */
export interface Worked {
  set: DefinitionSet
  revision: number
  definitions: readonly Definition[]
  /** Whether these are all live definitions. */
  isWhole: boolean
  reasons: ReadonlyMap<number, Reason>
  assessments: ReadonlyMap<number, Assessment>
  /** Whether somebody without an assessment is somebody of whom nothing is known now. */
  tellsWhoIsThere: boolean
  now: number
}

/** What a tick came to. */
export interface Decided {
  tick: number
  transitions: number
  /** Profiles whose row was written. */
  written: number
}

/** Definitions were changed meanwhile: what was worked out counts no more, and is worked out again. */
export class DefinitionsChanged extends Error {
  override name = 'DefinitionsChanged'
}

/**
 * Decides what was worked out for profiles: their states, the transitions, what waits for ClickHouse, and that the work is done, all in one
 * transaction or not at all.
 */
export async function decideTick(
  postgres: Postgres,
  fence: number,
  worked: Worked,
  done: { work: Work } | { fill: Fill; after: number },
): Promise<Decided> {
  return postgres.transaction(async tx => {
    const tick = await nextTick(tx, fence, worked.now)
    if ((await revisionIn(tx, 'for share')) !== worked.revision) throw new DefinitionsChanged()
    const gone = 'work' in done ? done.work.gone : new Map<number, number>()
    const roots = await stillRoots(tx, [...worked.reasons.keys()])
    const before = await statesOf(
      tx,
      [...roots, ...gone.keys()].sort((a, b) => a - b),
      'for update',
    )
    const known = new Set(worked.set.all.map(({ id }) => id))
    const evaluated = worked.definitions.map(({ id }) => id)
    const states = new Map<number, ProfileState>()
    const removed: number[] = [...gone.keys()]
    const transitions: Transition[] = []
    for (const profile of roots) {
      const reason = worked.reasons.get(profile)
      const assessment = worked.assessments.get(profile)
      if (!reason) continue
      // A fill leaves out who has never been worked out.
      if ('fill' in done && !before.has(profile)) continue
      // Nothing is known of it (any more): its facts have gone elsewhere, or lie in the future. It has no state then.
      const isUnknown = worked.tellsWhoIsThere && !assessment
      const { values, dueAt } = assessment ?? { values: new Map(), dueAt: Number.MAX_SAFE_INTEGER }
      const context = { isWhole: worked.isWhole, known, reason, at: worked.now }
      const found = difference(profile, before.get(profile), { values, dueAt }, evaluated, context)
      if (isUnknown) removed.push(profile)
      else if (found.isChanged) states.set(profile, found.state)
      transitions.push(...found.transitions)
    }
    inheritSince(states, before, gone)
    await removeStates(tx, removed)
    await saveStates(tx, states, new Set(before.keys()))
    const changes = changesOf(worked, transitions, before, removed, [...states.keys()])
    await keepTick(tx, tick, changes)
    await noteMemberships(tx, changes.memberships.counts(), worked.now)
    const told = 'fill' in done && done.fill.cause === 'definition' ? [] : transitions
    await saveTransitions(tx, tick, told, worked.now)
    if ('work' in done) await settle(tx, done.work)
    else await settleFill(tx, done.fill, done.after, worked)
    return { tick, transitions: told.length, written: states.size }
  })
}

async function stillRoots(tx: Queryable, profiles: readonly number[]): Promise<number[]> {
  const rows = await tx.query<{ leaf: number }>('select leaf from leaves where leaf = any($1::bigint[]) and root = leaf order by leaf', [
    profiles,
  ])
  return rows.map(({ leaf }) => leaf)
}

/** What both of two merged people had, the one has since the earlier. */
function inheritSince(
  states: Map<number, ProfileState>,
  before: ReadonlyMap<number, ProfileState>,
  gone: ReadonlyMap<number, number>,
): void {
  for (const [profile, survivor] of gone) {
    const state = states.get(survivor) ?? before.get(survivor)
    for (const [id, [value, , since]] of before.get(profile)?.held ?? []) {
      const held = state?.held.get(id)
      if (!state || !held || JSON.stringify(held[0]) !== JSON.stringify(value) || since >= held[2]) continue
      state.held.set(id, [held[0], held[1], since])
      states.set(survivor, state)
    }
  }
}

function changesOf(
  { set, definitions, now }: Worked,
  transitions: readonly Transition[],
  before: ReadonlyMap<number, ProfileState>,
  removed: readonly number[],
  written: readonly number[],
): TickChanges {
  const open = new Map(set.all.map(one => [one.id, set.isOpen(one)]))
  const isOpen = (id: number) => open.get(id) ?? true
  const memberships = new MembershipChanges()
  for (const profile of written) if (!before.has(profile)) memberships.add(everybody, '', profile, true)
  const gone = new Set(removed)
  for (const profile of gone) {
    const state = before.get(profile)
    if (!state) continue
    memberships.add(everybody, '', profile, false)
    for (const [definition, [value]] of state.held)
      for (const one of membershipValues(value, isOpen(definition))) memberships.add(definition, one, profile, false)
  }
  // Who is nobody any more has lost everything already.
  for (const one of transitions) if (!gone.has(one.profile)) memberships.addTransition(one, isOpen(one.definition))
  const inputs = new Set(definitions.filter(one => set.refreshOf(one) !== 'live').map(({ id }) => id))
  return {
    memberships,
    assignments: transitions
      .filter(({ definition }) => inputs.has(definition))
      .map(({ definition, profile, isNow, score }) => ({
        definition,
        leaf: profile,
        value: isNow === undefined ? '' : JSON.stringify(isNow),
        score,
        ts: now,
      })),
  }
}

async function saveTransitions(tx: Queryable, tick: number, transitions: readonly Transition[], now: number): Promise<void> {
  if (transitions.length === 0) return
  const byProfile = [...Map.groupBy(transitions, ({ profile }) => profile).values()]
  let last = await numbersFor(tx, transitions.length)
  await tx.query(
    `insert into transitions (last, tick, profile, cause, at, decided_at, changes)
     select last, $1, profile, cause, to_timestamp(at / 1000.0), $2, changes
     from unnest($3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::text[]) as t(last, profile, cause, at, changes)`,
    [
      tick,
      new Date(now),
      byProfile.map(changes => (last += changes.length)),
      byProfile.map(([first]) => first?.profile ?? 0),
      byProfile.map(([first]) => first?.reason.cause ?? ''),
      byProfile.map(([first]) => first?.reason.at ?? now),
      byProfile.map(changes => JSON.stringify(changes.map(({ definition, was, isNow }) => [definition, was ?? null, isNow ?? null]))),
    ],
  )
}

/** Numbers for so many changes. @returns the one before the first */
async function numbersFor(tx: Queryable, changes: number): Promise<number> {
  const [head] = await tx.query<{ last: number }>('update evaluation_head set changes = changes + $1 returning changes as last', [changes])
  if (!head) throw new Error('evaluation_head has its row since its migration')
  return head.last - changes
}

async function settle(tx: Queryable, { ranges, leaves, momentsUntil }: Work): Promise<void> {
  if (ranges.length > 0) await tx.query('delete from evaluation_ranges where range = any($1::bigint[])', [ranges])
  if (leaves.length > 0) await tx.query('delete from evaluation_leaves where id = any($1::bigint[])', [leaves])
  await tx.query('delete from evaluation_moments where at <= $1', [momentsUntil])
}

async function settleFill(tx: Queryable, fill: Fill, after: number, { reasons, now }: Worked): Promise<void> {
  await advanceFill(tx, fill.id, after, reasons.size)
  if (after >= fill.until) await finishFill(tx, fill, now)
}
