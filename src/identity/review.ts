import { audit } from '../access/audit.ts'
import { Refusal } from '../refusal.ts'
import { blockPair, type HandWork, mergeByHand } from './by-hand.ts'
import { lockHead } from './load.ts'
import { type ReviewEntry, reviewEntry } from './review-entries.ts'

export interface ReviewDecision {
  decision: 'accept' | 'reject'
  note?: string | undefined
}

/**
 * Decides a question.
 * - conflict: accept merges the two after all, with every check of a merge by hand; reject keeps them apart for good.
 * - hub, blocked-value: accept blocks the value, it links nobody from now on; reject lets it link, and it is not proposed again.
 *
 * @throws Refusal 404; 409 where it was decided before or the checks forbid it, the question stays open then
 */
export async function decideReview(work: HandWork, id: number, { decision, note }: ReviewDecision): Promise<ReviewEntry> {
  const { tx, keys, hand } = work
  await lockHead(tx)
  const entry = await reviewEntry(tx, keys, id)
  if (!entry) throw new Refusal(404, 'no-such-review', 'There is no such question in the review queue.')
  if (entry.state !== 'open') throw new Refusal(409, 'already-decided', 'This question was decided before, or has become moot.')
  await (entry.kind === 'conflict' ? settleConflict(work, entry, decision) : settleValue(work, entry.subject.ref, decision))
  await tx.query(
    `update identity_review set state = $2, decided_by = $3, decided_at = to_timestamp($4::float8 / 1000), note = $5 where id = $1`,
    [id, decision === 'accept' ? 'accepted' : 'rejected', hand.by, hand.at, note ?? null],
  )
  await audit(tx, hand.at, { who: hand.by, did: `identity.review.${decision}`, what: `review ${id}`, details: { kind: entry.kind } })
  const decided = await reviewEntry(tx, keys, id)
  return decided ?? entry
}

async function settleConflict(work: HandWork, { subject, opponent }: ReviewEntry, decision: ReviewDecision['decision']): Promise<void> {
  if (!opponent) throw new Error('a conflict is between two')
  if (decision === 'accept') {
    await mergeByHand(work, { ref: subject.ref }, { ref: opponent.ref })
    return
  }
  if (subject.profile && subject.profile === opponent.profile)
    throw new Refusal(409, 'already-together', 'They are one person now; take them apart with POST /api/identity/unmerge.')
  await blockPair(work, subject.ref, opponent.ref)
}

/** Blocks a value by hand, or says that it is fine. What was linked before stays. */
async function settleValue({ tx }: HandWork, hash: string, decision: ReviewDecision['decision']): Promise<void> {
  await tx.query(
    `insert into special_identifiers (hash, own, sharers, shared_since, blocked, blocked_seq, cleared, disputed)
     values ($1, 0, '{}', 0, 'no', 0, false, '{}') on conflict do nothing`,
    [hash],
  )
  await tx.query('update identifiers set special = true where hash = $1', [hash])
  const head = await lockHead(tx)
  if (decision === 'reject') {
    await tx.query('update identity_head set seq = $1', [head.seq + 1])
    await tx.query(`update special_identifiers set blocked = 'no', cleared = true where hash = $1`, [hash])
    return
  }
  const [special] = await tx.query<{ own: number }>('select own from special_identifiers where hash = $1', [hash])
  const needsLeaf = special?.own === 0
  if (needsLeaf) await tx.query('insert into leaves (leaf, root, position) values ($1, $1, 0)', [head.nextLeaf])
  await tx.query(
    `update special_identifiers set blocked = 'hand', blocked_seq = $2, cleared = false, own = case when own = 0 then $3 else own end where hash = $1`,
    [hash, head.seq, head.nextLeaf],
  )
  await tx.query('update identity_head set seq = $1, next_leaf = $2', [head.seq + 1, head.nextLeaf + (needsLeaf ? 1 : 0)])
}
