/** Whose events the defaults are those of. */
export const presets = ['commerce', 'clinic'] as const
export type Preset = (typeof presets)[number]

/** What a parameter may be. */
export type ParameterValue = string | number | readonly (string | number)[]

/** Something that a template leaves open: the name of an event, a property, a number. */
export interface Parameter {
  zh: string
  en: string
  /** A preset without a value does not have the template. */
  defaults: Partial<Record<Preset, ParameterValue>>
}

/** A document of a tag before it is read (see `filled.ts`). */
export interface TagDraft {
  key: string
  zh: string
  en: string
  category: string
  kind: string
  [part: string]: unknown
}

/** Tags that are ready to use, but for the names of a workspace's events. */
export interface Template {
  key: string
  zh: string
  en: string
  description: string
  parameters: Readonly<Record<string, Parameter>>
  /** The tags that come of it, in the order in which they refer to each other. @param of values by parameter */
  documents(of: Values): readonly TagDraft[]
}

/** The values of a template's parameters. */
export interface Values {
  text(name: string): string
  texts(name: string): string[]
  number(name: string): number
  numbers(name: string): number[]
}

/** An event that presets call by these names. */
export function event(zh: string, en: string, commerce?: ParameterValue, clinic?: ParameterValue): Parameter {
  return parameter(`事件:${zh}`, `event: ${en}`, commerce, clinic)
}

export function property(zh: string, en: string, commerce?: ParameterValue, clinic?: ParameterValue): Parameter {
  return parameter(`属性:${zh}`, `property: ${en}`, commerce, clinic)
}

export function parameter(zh: string, en: string, commerce?: ParameterValue, clinic?: ParameterValue): Parameter {
  return { zh, en, defaults: { ...(commerce !== undefined && { commerce }), ...(clinic !== undefined && { clinic }) } }
}

export const ordered = event('成交', 'an order is paid', 'Order Completed', 'Order Completed')
export const total = property('金额', 'amount of money', 'total', 'total')
