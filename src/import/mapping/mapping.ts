import { z } from 'zod'
import { Refusal, type RefusalDetail } from '../../refusal.ts'
import { isMomentFormat } from './moments.ts'
import { isZone } from './zone.ts'

const column = z.string().min(1).max(255).describe('A column of the header; in NDJSON a key, or a path with dots')
const zone = z
  .string()
  .refine(isZone, 'is no time zone: write one like Asia/Shanghai or UTC')
  .describe('IANA time zone of times that carry no offset')
const format = z
  .string()
  .refine(isMomentFormat, 'names no year, month and day: use iso, unix, unix_ms, or letters such as YYYY/M/D H:mm')
  .describe('iso, unix, unix_ms, or letters: YYYY YY MM M DD D HH H hh h mm m ss s SSS A Z')
const decimal = z.enum(['.', ',']).describe('The sign before the fraction')
const nulls = z.array(z.string()).max(100).describe('Words that mean: nothing')

/** Keys become paths in the stores; a dot would make two of them one. */
const key = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^.$\s][^.]*$/, 'must not hold a dot, nor start with $ or a space')
  .refine(name => name !== '__proto__' && name.isWellFormed() && !name.includes('\0'), 'is a reserved or malformed name')

const valueTypes = ['string', 'number', 'boolean', 'date', 'datetime', 'json'] as const
export type ValueType = (typeof valueTypes)[number]

const typedKey = z.strictObject({
  key,
  type: z.enum(valueTypes).default('string'),
  null: nulls.optional(),
  decimal: decimal.optional(),
  format: format.optional(),
  zone: zone.optional(),
  values: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe('What the file writes → what is kept; others as they are'),
})
export type TypedKey = z.infer<typeof typedKey>

const keyed = z.union([key, typedKey], { error: 'must be a key, or { "key": …, "type": … }' })

const namespace = z
  .string()
  .max(128)
  .regex(/^[a-z][a-z0-9_]*(:[A-Za-z0-9_-]+)?$/, 'is no namespace: write one like phone, user_id or openid:<appid>')

/** How many digits the point moves for the major unit. */
export const unitShifts = { 元: 0, 角: -1, 分: -2, 万元: 4, major: 0, minor: -2 } as const

const condition = z.union(
  [
    z.strictObject({ column, in: z.array(z.string()).min(1) }),
    z.strictObject({ column, notIn: z.array(z.string()).min(1) }),
    z.strictObject({ column, present: z.boolean() }),
  ],
  { error: 'must be { "column": …, "in": […] }, { "column": …, "notIn": […] } or { "column": …, "present": true }' },
)
export type Condition = z.infer<typeof condition>

const eventName = z.string().min(1).max(255)
const scalar = z.union([z.string(), z.number(), z.boolean()])

export const mappingSchema = z
  .strictObject({
    format: z
      .strictObject({
        kind: z.enum(['csv', 'ndjson']).optional(),
        delimiter: z.enum([',', ';', '\t', '|']).optional(),
        header: z.array(column).min(1).max(2048).optional().describe('The names of the columns, for a CSV file without a header'),
      })
      .optional()
      .describe('Found in the file itself where it is left out'),
    source: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'must be lower-case letters, digits, - and _')
      .optional()
      .describe('The source that the facts are said to come from'),
    kind: z.enum(['events', 'profiles']).describe('events: a row is something that happened. profiles: a row is what a person is like'),
    event: z
      .union([
        eventName,
        z.strictObject({
          column,
          names: z.record(z.string(), eventName).optional(),
          others: z.enum(['keep', 'reject', 'leave-out']).default('keep'),
        }),
      ])
      .optional()
      .describe('The name of the event, or the column that holds it'),
    identifiers: z
      .record(column, z.union([namespace, z.array(namespace).min(1)]))
      .describe('Column → namespace: phone, member_id, openid:<appid> …'),
    traits: z.record(column, keyed).default({}),
    props: z.record(column, keyed).default({}),
    tags: z.record(column, keyed).default({}).describe('Column → manual tag: what the cell says is its value; false takes it away'),
    time: z
      .strictObject({ column: z.union([column, z.array(column).length(2)]), format: format.optional(), zone: zone.optional() })
      .optional()
      .describe('When it happened; two columns are a date and a time of day'),
    amount: z
      .strictObject({
        column,
        unit: z.enum(['元', '角', '分', '万元', 'major', 'minor']),
        key: key.default('total'),
        currency: z.string().length(3).optional(),
        decimal: decimal.optional(),
      })
      .optional()
      .describe('An amount of money, kept in its major unit'),
    messageId: z
      .array(column)
      .min(1)
      .max(8)
      .optional()
      .describe(
        'The columns that tell one row from every other, such as the order number: a row whose values were seen before is a repeat, whatever else it says',
      ),
    constants: z.strictObject({ props: z.record(key, scalar).default({}), traits: z.record(key, scalar).default({}) }).optional(),
    consents: z
      .array(z.strictObject({ column, purpose: key, given: z.array(z.string()).min(1), refused: z.array(z.string()).min(1).optional() }))
      .default([]),
    where: z.array(condition).default([]).describe('Rows for which all of these hold are taken, others are left out'),
    null: nulls.default(['NULL', 'null', '\\N']),
    decimal: decimal.default('.'),
  })
  .superRefine((mapping, context) => {
    const fault = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message })
    if (Object.keys(mapping.identifiers).length === 0) fault(['identifiers'], 'names no column: a row must say whose it is')
    if (mapping.kind === 'profiles' && mapping.event !== undefined)
      fault(['event'], 'belongs to kind "events"; rows of kind "profiles" only set traits')
    if (mapping.kind === 'profiles' && Object.keys(mapping.props).length > 0)
      fault(['props'], 'belong to kind "events"; a profile has traits')
    if (mapping.kind === 'profiles' && mapping.amount) fault(['amount'], 'belongs to kind "events"; a profile has traits of type number')
    if (mapping.kind === 'profiles' && mapping.messageId)
      fault(['messageId'], 'belongs to kind "events"; profiles are told apart by what their rows say')
    if (mapping.kind === 'events' && mapping.event === undefined)
      fault(['event'], 'is missing: give the name of the event, or the column that holds it')
    if (mapping.kind === 'events' && !mapping.time) fault(['time'], 'is missing: say in which column the time stands')
    for (const target of Object.values(mapping.tags))
      if (!/^[a-z][a-z0-9_]{0,63}$/.test(keyOf(target))) fault(['tags'], 'must be keys of tags: lower-case letters, digits and _')
    for (const [section, targets] of [
      ['tags', Object.values(mapping.tags).map(keyOf)],
      ['props', propKeys(mapping)],
      ['traits', traitKeys(mapping)],
    ] as const) {
      for (const twice of targets.filter((name, index) => targets.indexOf(name) !== index))
        fault([section], `fills ${JSON.stringify(twice)} from two places`)
    }
  })

/** Which column of a file is which identifier, trait, property, time and amount. */
export type Mapping = z.infer<typeof mappingSchema>
/** The same as it is written. */
export type MappingDocument = z.input<typeof mappingSchema>

function propKeys(mapping: Pick<Mapping, 'props' | 'constants' | 'amount'>): string[] {
  const { amount } = mapping
  const money = amount ? [amount.key, ...(amount.currency ? ['currency'] : [])] : []
  return [...Object.values(mapping.props).map(keyOf), ...Object.keys(mapping.constants?.props ?? {}), ...money]
}

function traitKeys(mapping: Pick<Mapping, 'traits' | 'constants'>): string[] {
  return [...Object.values(mapping.traits).map(keyOf), ...Object.keys(mapping.constants?.traits ?? {})]
}

function keyOf(target: string | { key: string }): string {
  return typeof target === 'string' ? target : target.key
}

export function typed(target: string | TypedKey): TypedKey {
  return typeof target === 'string' ? { key: target, type: 'string' } : target
}

/** @throws Refusal that names every fault by its path */
export function readMapping(document: unknown): Mapping {
  const read = mappingSchema.safeParse(document)
  if (read.success) return read.data
  const faults = read.error.issues.map(issue => ({ path: pathOf(issue.path), message: issue.message }))
  throw refusedMapping(faults)
}

export function refusedMapping(faults: readonly RefusalDetail[]): Refusal {
  const sentences = faults.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; ')
  return new Refusal(422, 'mapping-refused', `The mapping cannot be used: ${sentences}.`, faults)
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index > 0 ? `.${String(part)}` : String(part))).join('')
}

/** Every column that the mapping reads, with the path of the place that names it. */
export function columnsOf(mapping: Mapping): { column: string; path: string }[] {
  const at = (path: string, columns: readonly string[]) => columns.map(name => ({ column: name, path }))
  return [
    ...at('event', typeof mapping.event === 'object' ? [mapping.event.column] : []),
    ...at('time', mapping.time ? [mapping.time.column].flat() : []),
    ...at('amount', mapping.amount ? [mapping.amount.column] : []),
    ...at('identifiers', Object.keys(mapping.identifiers)),
    ...at('traits', Object.keys(mapping.traits)),
    ...at('props', Object.keys(mapping.props)),
    ...at('tags', Object.keys(mapping.tags)),
    ...at(
      'consents',
      mapping.consents.map(consent => consent.column),
    ),
    ...at('messageId', mapping.messageId ?? []),
    ...at(
      'where',
      mapping.where.map(one => one.column),
    ),
  ]
}
