import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { seesPersonal } from '../access/caller.ts'
import type { Json } from '../collect/event.ts'
import { basesOf } from '../definitions/bases.ts'
import { currentBitmaps, type MembershipStores, overlapOf } from '../definitions/membership.ts'
import { isPersonalTrait } from '../dictionary/personal.ts'
import { Refusal } from '../refusal.ts'
import { statement } from '../rules/compile.ts'
import { traitColumn } from '../rules/kinds/trait.ts'
import { Plan, type RuleContext } from '../rules/plan.ts'
import { type AudienceParts, audienceIn, heldAsOf, keyParam, ok } from './found.ts'
import { indexOf, shownTags } from './overlap.ts'

interface Group {
  key: string
  value: Json
  /** In the audience, and of everybody. */
  members: number
  everybody: number
}

const traitsAtMost = 20
const valuesAtMost = 10

/** The most frequent values of traits, in an audience and of everybody. */
async function traitGroups(
  { postgres, clickhouse }: MembershipStores,
  audience: number,
  keys: readonly string[],
  context: RuleContext,
): Promise<Group[]> {
  if (keys.length === 0) return []
  const plan = new Plan(context)
  const columns = keys.map(key => plan.column(traitColumn(key, plan)))
  const members = currentBitmaps(await basesOf(postgres, [audience]))
  const { text, params } = statement(plan, plan.columns, {})
  const pairs = columns.map((column, index) => `(toUInt16(${index}), ifNull(${column}, 'null'))`)
  const rows = await clickhouse.query<{ place: number; value: string; everybody: number; members: number }>(
    `select pair.1 as place, pair.2 as value, count() as everybody,
       countIf(profile in (select arrayJoin(bitmapToArray(members)) from (${members.text}))) as members
     from (select profile, arrayJoin(arrayFilter(one -> one.2 not in ('', 'null'), [${pairs.join(', ')}])) as pair from (${text}))
     group by place, value order by place, everybody desc, value limit ${valuesAtMost} by place`,
    { ...params, ...members.params },
  )
  return rows.map(({ place, value, ...counts }) => ({ key: keys[place] ?? '', value: JSON.parse(value) as Json, ...counts }))
}

/** Traits that may be counted openly: neither personal nor sensitive. @throws Refusal for one that is asked for and may not be */
async function openTraits(parts: AudienceParts, asked: readonly string[] | undefined): Promise<string[]> {
  const { marks } = parts.contextAt(parts.now())
  const isOpen = (key: string) => !isPersonalTrait(key, marks) && marks.ofTrait(key)?.sensitive === undefined && !key.startsWith('$')
  const closed = asked?.find(key => !isOpen(key))
  if (closed !== undefined)
    throw new Refusal(422, 'not-open', `the trait ${JSON.stringify(closed)} is personal or sensitive: its values are not counted`)
  return (asked ?? [...(await parts.observed()).traits.keys()].filter(isOpen)).slice(0, traitsAtMost)
}

const part = z.object({
  value: z.unknown(),
  members: z.int(),
  share: z.number().openapi({ description: 'Of the audience' }),
  everybody: z.int(),
  index: z.number().nullable().openapi({ description: '100: as often as with everybody' }),
})
const distribution = z.object({ key: z.string(), values: z.array(part) })

const route = createRoute({
  method: 'get',
  path: '/api/audiences/{key}/composition',
  tags: ['audiences'],
  summary: 'Who is in an audience, against everybody: the values of tags and of traits',
  'x-time-limit-seconds': 120,
  request: {
    params: keyParam,
    query: z.object({
      traits: z.string().optional().openapi({ description: 'Keys separated by commas; the first that were observed without it' }),
      least: z.coerce
        .number()
        .int()
        .min(0)
        .max(1000)
        .default(10)
        .openapi({ description: 'Groups of the audience with fewer people are left out, so that nobody is recognised; 0 shows all' }),
    }),
  },
  ...ok(
    z
      .object({
        size: z.int(),
        total: z.int(),
        tags: z.array(distribution),
        traits: z.array(distribution),
        asOf: z.iso.datetime().nullable(),
      })
      .openapi('AudienceComposition'),
  ),
})

export function compositionRoute(app: OpenAPIHono, parts: AudienceParts): void {
  app.openapi(route, async c => {
    const audience = audienceIn(parts, c.req.valid('param').key)
    const { traits, least } = c.req.valid('query')
    const tags = shownTags(parts, seesPersonal(c.get('caller')))
    const keys = await openTraits(parts, traits?.split(','))
    const [{ size, total, overlaps }, ofTraits] = await Promise.all([
      overlapOf(
        parts,
        audience.id,
        tags.map(({ id }) => id),
      ),
      traitGroups(parts, audience.id, keys, parts.contextAt(parts.asOf())),
    ])
    const ofTags = overlaps.map(({ definition, value, count, both }): Group => {
      const key = tags.find(({ id }) => id === definition)?.key ?? ''
      return { key, value: value === '' ? null : (JSON.parse(value) as Json), members: both, everybody: count }
    })
    const distributions = (groups: readonly Group[]) =>
      [...Map.groupBy(groups, ({ key }) => key)]
        .map(([key, values]) => ({
          key,
          values: values
            .filter(({ members }) => members >= least)
            .map(({ value, members, everybody }) => ({
              value,
              members,
              share: size === 0 ? 0 : members / size,
              everybody,
              index: indexOf(members, size, everybody, total),
            })),
        }))
        .filter(({ values }) => values.length > 0)
    return c.json({ size, total, tags: distributions(ofTags), traits: distributions(ofTraits), asOf: heldAsOf(parts, audience) }, 200)
  })
}
