import { z } from '@hono/zod-openapi'
import { durationOf, durationText } from '../duration.ts'
import { type Filter, pathText, whereSchema } from '../filter.ts'
import { type EventRule, eventNames } from './event-shape.ts'

const independent = {
  test: ({ where = [] }: { where?: Filter[] | undefined }) => !where.some(dependsOnNow),
  fault: {
    path: ['where'],
    message: 'may not depend on the moment (withinLast, withinNext, anniversaryWithin): what is preferred fades by half_life alone',
  },
}

const common = {
  event: eventNames,
  weight: z
    .union([z.number().positive().max(1e9), pathText])
    .optional()
    .openapi({ description: 'What one event counts, or the number property that says it (missing or below 0 counts as 0); 1 without it' }),
  where: whereSchema.optional(),
}

/** Events of which a property names what is preferred. */
export const propertySource = z
  .strictObject({
    ...common,
    prop: pathText.openapi({ description: 'What is preferred stands here; of a list, every element', example: 'category' }),
  })
  .refine(independent.test, independent.fault)

const timeSource = z
  .strictObject({
    ...common,
    time: z.enum(['hour', 'weekday', 'daypart']).openapi({ description: 'When it happened, in the workspace’s zone' }),
  })
  .refine(independent.test, independent.fault)
const placeSource = z
  .strictObject({ ...common, by: z.enum(['channel', 'source']).openapi({ description: 'The way by which the event came' }) })
  .refine(independent.test, independent.fault)
const dimensionSource = z.union([propertySource, timeSource, placeSource])
export type DimensionSource = z.output<typeof dimensionSource>

/** Parts of the day, by the hour in which each ends. */
export const dayparts = { night: 6, morning: 12, afternoon: 18, evening: 24 } as const

/** Whether a filter looks at dates from where now is. */
export function dependsOnNow(filter: Filter): boolean {
  if ('all' in filter) return filter.all.some(dependsOnNow)
  if ('any' in filter) return filter.any.some(dependsOnNow)
  if ('not' in filter) return dependsOnNow(filter.not)
  return filter.withinLast !== undefined || filter.withinNext !== undefined || filter.anniversaryWithin !== undefined
}

export const preferred = z.union([z.string().min(1).max(500), z.number(), z.boolean()])

export const halfLifeText = durationText.refine(text => 'ms' in durationOf(text), 'a half-life is of fixed length: s, m, h, d or w ("30d")')

/** Where preferences are read from, and how they fade. */
export const dimensionShape = {
  from: z.union([dimensionSource, z.array(dimensionSource).min(1).max(20)]),
  half_life: halfLifeText.openapi({ example: '30d' }),
  min_events: z.int().min(1).max(100_000).default(1).openapi({ description: 'Below so many events nothing is said' }),
  values: z
    .array(preferred)
    .min(1)
    .max(1000)
    .optional()
    .openapi({ description: 'Only these are said; others count in the whole all the same' }),
}
export const dimensionSchema = z.strictObject(dimensionShape)
export type Dimension = z.output<typeof dimensionSchema>

export function sourcesOf({ from }: Pick<Dimension, 'from'>): readonly DimensionSource[] {
  return Array.isArray(from) ? from : [from]
}

/** Rules about the events that it reads, for telling what was never seen. */
export function eventsIn(dimension: Pick<Dimension, 'from'>, path: string): { path: string; rule: EventRule }[] {
  return sourcesOf(dimension).map((source, index) => ({
    path: Array.isArray(dimension.from) ? `${path}[${index}]` : path,
    rule: { event: source.event, where: source.where, ...('prop' in source && { distinct: { prop: source.prop, gte: 1 } }) },
  }))
}
