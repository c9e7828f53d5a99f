import { z } from '@hono/zod-openapi'
import { reviewKinds, reviewStates } from './review-entries.ts'

/** How answers about identity look. */
const moment = z.iso.datetime()

export const maskedSchema = z
  .object({
    ref: z.string().openapi({ description: 'Names the identifier to this API without its value', example: '-4611686018427387904' }),
    namespace: z.string().openapi({ example: 'phone' }),
    value: z.string().openapi({ description: 'Masked', example: '+86199****0001' }),
  })
  .openapi('MaskedIdentifier')

export const linkSchema = z
  .object({
    a: maskedSchema,
    b: maskedSchema,
    state: z.enum(['linked', 'apart', 'cut', 'former']).openapi({
      description: '`apart`: came together and did not link; `cut`: by hand; `former`: one of them was taken off its person since',
    }),
    source: z.string().openapi({ description: 'The source of the event, or who said so by hand' }),
    position: z.string().optional().openapi({ description: 'Of the event; absent for what was done by hand' }),
    rule: z.string().openapi({ description: '`together`, `alias`, `hand`', example: 'together' }),
    at: moment,
    confidence: z.number().openapi({ example: 0.95 }),
  })
  .openapi('IdentityLink')

export const conflictSchema = z
  .object({
    identifiers: z.array(maskedSchema),
    reason: z.string().openapi({ description: '`unique`, `limit`, `blocked-pair`, `two-people`', example: 'unique' }),
    target: maskedSchema.openapi({ description: 'Whose profile the event went to' }),
    subject: maskedSchema.openapi({ description: 'Who stayed outside' }),
    count: z.int(),
    source: z.string(),
    position: z.string(),
    at: moment,
  })
  .openapi('IdentityConflict')

const person = maskedSchema.extend({ profile: z.string().optional() })

export const reviewSchema = z
  .object({
    id: z.int(),
    kind: z.enum(reviewKinds),
    state: z.enum(reviewStates).openapi({ description: '`superseded`: moot, because what it asks was settled otherwise' }),
    reason: z.string(),
    subject: person,
    opponent: person.optional(),
    evidence: z.object({
      events: z.array(
        z.object({ identifiers: z.array(maskedSchema), position: z.string(), at: moment, source: z.string(), count: z.int() }),
      ),
      people: z.int().openapi({ description: 'How many people the identifier was seen with, where it is shared' }),
      disputes: z.int().openapi({ description: 'How many unrelated people disputed it' }),
    }),
    count: z.int(),
    firstAt: moment,
    lastAt: moment,
    source: z.string(),
    decidedBy: z.string().optional(),
    decidedAt: moment.optional(),
    note: z.string().optional(),
  })
  .openapi('IdentityReview')

const change = z
  .object({
    id: z.int().openapi({ description: 'Give it as `merge` to undo a merge' }),
    kind: z.string().openapi({ description: '`merge`, `unmerge`, `rebuild`', example: 'merge' }),
    survivor: z.string(),
    merged: z.string(),
    leaves: z.array(z.int()).openapi({ description: 'The leaves that went from one profile to the other' }),
    met: z.object({ survivor: maskedSchema, merged: maskedSchema }).optional(),
    position: z.string().optional(),
    at: moment,
    by: z.string().openapi({ description: 'The source of the event, or who did it by hand' }),
  })
  .openapi('IdentityChange')

export const viewSchema = z
  .object({
    id: z.string().openapi({ example: '1042', description: 'The profile; an id that was merged away answers with the survivor' }),
    identifiers: z.array(maskedSchema.extend({ state: z.enum(['linked', 'shared', 'blocked', 'unlinked']), leaf: z.int(), since: moment })),
    links: z.array(linkSchema).openapi({ description: 'The evidence, oldest first' }),
    moreLinks: z.int().openapi({ description: 'Links beyond those shown' }),
    history: z.array(change),
    conflicts: z.array(conflictSchema),
    blocks: z.array(z.object({ a: maskedSchema, b: maskedSchema, by: z.string(), at: moment })),
    review: z.array(reviewSchema),
  })
  .openapi('IdentityView')

const standing = z.object({
  namespace: z.string(),
  value: z.string().openapi({ description: 'Masked' }),
  ref: z.string().optional(),
  state: z.enum(['unusable', 'unknown', 'nobody', 'linked', 'shared', 'blocked', 'unlinked']),
  fault: z.enum(['namespace', 'too-long', 'empty', 'invalid', 'blocked']).optional(),
  profile: z.string().optional(),
})

export const explanationSchema = z
  .object({
    onePerson: z.boolean(),
    code: z.string().openapi({ example: 'linked' }),
    sentence: z.object({ zh: z.string(), en: z.string() }),
    a: standing,
    b: standing,
    path: z.array(linkSchema).openapi({ description: 'The shortest way of links from `a` to `b`' }),
    obstacles: z.array(z.object({ reason: z.string(), namespace: z.string().optional(), identifiers: z.array(maskedSchema) })),
    conflicts: z.array(conflictSchema),
  })
  .openapi('IdentityExplanation')

export const rebuildSchema = z
  .object({
    difference: z.string().openapi({ description: 'Names this difference; give it as `confirm` to apply it' }),
    applied: z.boolean(),
    counts: z.object({ merges: z.int(), splits: z.int(), identifiers: z.int(), facts: z.int() }),
    examples: z.object({
      merges: z.array(z.object({ profile: z.string(), with: z.array(z.string()) })),
      splits: z.array(z.object({ profile: z.string(), into: z.array(z.string()) })),
    }),
  })
  .openapi('IdentityRebuild')
