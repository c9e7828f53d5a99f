import type { EntityKind } from '../catalogue/kinds.ts'
import type { Entry } from '../dictionary/entries.ts'
import type { Filter } from './filter.ts'
import { type EventRule, measureNames, namesOf, type Selection } from './kinds/event-shape.ts'
import { askedOf } from './operators.ts'
import type { Rule } from './schema.ts'
import type { Window } from './window.ts'

export type Language = 'zh' | 'en'
const languages = ['zh', 'en'] as const

/** The rule as a sentence in both languages, in the names of the dictionary and of the kinds of entities. */
export function describe(
  rule: Rule,
  entries: readonly Entry[],
  kinds: readonly EntityKind[] = [],
  namesOf: NamesOf = () => undefined,
): Record<Language, string> {
  const [zh, en] = languages.map(language => ruleWords(rule, wordingIn(language, entries, kinds, namesOf)))
  return { zh: zh ?? '', en: en ?? '' }
}

type Names = { zh?: string | undefined; en?: string | undefined }

/** What a tag, an audience or a dimension is called, and its values; undefined for one that is not known. */
export type NamesOf = (kind: 'tag' | 'audience' | 'dimension', key: string) => (Names & { values?: ReadonlyMap<string, Names> }) | undefined

interface Wording {
  /** A tag, an audience, a dimension. */
  derived: (kind: 'tag' | 'audience' | 'dimension', key: string) => string
  /** Picks the words of the language. */
  say: (zh: string, en: string) => string
  event: (name: string) => string
  property: (events: readonly string[], path: string) => string
  trait: (key: string) => string
  /** An attribute of an entity: `product.category`. */
  item: (name: string) => string
  /** The name of a value. */
  value: (subject: Subject, value: unknown) => string
}

/** A property of these events, an attribute of an entity, a tag, or else a trait. */
interface Subject {
  isTag?: boolean
  events?: readonly string[]
  isItem?: boolean
  name: string
}

function wordingIn(language: Language, entries: readonly Entry[], kinds: readonly EntityKind[], namesOf: NamesOf): Wording {
  const other = language === 'zh' ? 'en' : 'zh'
  const say = (zh: string, en: string) => (language === 'zh' ? zh : en)
  const find = (kind: Entry['kind'], name: string, event?: string) =>
    entries.find(entry => entry.kind === kind && entry.name === name && entry.event === event)?.document
  const named = (document: { zh?: string | undefined; en?: string | undefined } | undefined, name: string) =>
    document?.[language] || document?.[other] || name
  const propertyEntry = (events: readonly string[], path: string) =>
    events.map(event => find('property', path, event)).find(Boolean) ?? find('property', path)
  const item = (name: string) => {
    const dot = name.indexOf('.')
    const kind = kinds.find(({ key }) => key === name.slice(0, dot))
    return { kind: named(kind, name.slice(0, dot)), attribute: kind?.attributes?.[name.slice(dot + 1)], key: name.slice(dot + 1) }
  }
  return {
    say,
    item: name => {
      const { kind, attribute, key } = item(name)
      return say(
        `${quoted(kind, say)}的${quoted(named(attribute, key), say)}`,
        `${quoted(named(attribute, key), say)} of ${quoted(kind, say)}`,
      )
    },
    event: name => quoted(named(find('event', name), name), say),
    property: (events, path) => quoted(named(propertyEntry(events, path), path), say),
    trait: key => quoted(named(find('trait', key), key), say),
    derived: (kind, key) => named(namesOf(kind, key), key),
    value({ events, isItem, isTag, name }, value) {
      const ofTag = isTag ? namesOf('tag', name)?.values?.get(String(value)) : undefined
      if (ofTag) return named(ofTag, String(value))
      const document = isItem ? item(name).attribute : events ? propertyEntry(events, name) : find('trait', name)
      const words = document?.values?.[String(value)]
      if (typeof value === 'boolean' && !words) return say(value ? '是' : '否', value ? 'yes' : 'no')
      return words?.[language] || words?.[other] || String(value)
    },
  }
}

function quoted(text: string, say: Wording['say']): string {
  return say(`「${text}」`, `“${text}”`)
}

function ruleWords(rule: Rule, words: Wording): string {
  const { say } = words
  const parts = (rules: readonly Rule[], join: string) =>
    rules
      .map(one =>
        rules.length > 1 && ('all' in one || 'any' in one)
          ? say(`(${ruleWords(one, words)})`, `(${ruleWords(one, words)})`)
          : ruleWords(one, words),
      )
      .join(join)
  if ('all' in rule) return parts(rule.all, say(',并且', ' and '))
  if ('any' in rule) return parts(rule.any, say(',或者', ' or '))
  if ('not' in rule) return say(`不满足(${ruleWords(rule.not, words)})`, `not (${ruleWords(rule.not, words)})`)
  if ('of' in rule)
    return say(`以下至少满足 ${rule.atLeast} 项:${parts(rule.of, ';')}`, `at least ${rule.atLeast} of: ${parts(rule.of, '; ')}`)
  if ('consent' in rule) return say(`已同意「${rule.consent}」`, `has consented to “${rule.consent}”`)
  if ('audience' in rule)
    return say(
      `在人群「${words.derived('audience', rule.audience)}」中`,
      `is in the audience “${words.derived('audience', rule.audience)}”`,
    )
  if ('trait' in rule) return `${words.trait(rule.trait)}${gap(words)}${operatorWords(rule, words, { name: rule.trait })}`
  if ('tag' in rule)
    return (
      say(`标签「${words.derived('tag', rule.tag)}」`, `tag “${words.derived('tag', rule.tag)}” `) +
      (operatorWords(rule, words, { name: rule.tag, isTag: true }) || say('成立', 'holds'))
    )
  if ('affinity' in rule) {
    const { dimension, value } = rule.affinity
    const asked = operatorWords(rule.strength ?? rule, words, { name: dimension })
    const named = words.derived('dimension', dimension)
    return say(`对「${named}」中「${value}」的偏好 ${asked}`, `affinity for “${value}” in “${named}” ${asked}`)
  }
  if ('sequence' in rule) {
    const steps = rule.sequence.map(
      step =>
        (step.within ? say(`${durationWords(step.within, words)}内`, `within ${durationWords(step.within, words)} `) : '') +
        selectionWords({ event: step.event, where: step.where }, words),
    )
    const chain = `${windowWords(rule.within, words)}${say('先后', 'in order: ')}${steps.join(say(',然后', ', then '))}`
    return (
      chain +
      perWords(
        rule.per,
        rule.sequence.flatMap(({ event }) => namesOf(event)),
        words,
      ) +
      withoutWords(rule.without, words, say(',其间没有', ', in between no '))
    )
  }
  return eventWords(rule, words)
}

function eventWords(rule: EventRule, words: Wording): string {
  const { say } = words
  const measure = measureNames.find(name => rule[name] !== undefined)
  const own = selectionWords(rule, words)
  const more = perWords(rule.per, namesOf(rule.event), words) + withoutWords(rule.without, words, say(',且没有', ', and no '))
  if (measure === undefined) return `${own}${say('至少 1 次', ' at least once')}${more}`
  const asked = rule[measure] ?? {}
  const prop = 'prop' in asked && typeof asked.prop === 'string' ? asked.prop : undefined
  const subject = prop === undefined ? undefined : { events: namesOf(rule.event), name: prop }
  const said = operatorWords(asked, words, subject, measure === 'sinceLast' || measure === 'sinceFirst')
  const of = prop === undefined ? '' : words.property(namesOf(rule.event), prop)
  const measured: Record<string, [string, string]> = {
    count: [` ${said} 次`, ` ${said} times`],
    days: [` ${said} 天`, ` on ${said} days`],
    sinceLast: [`,距最近一次 ${said}`, `, since the last ${said}`],
    sinceFirst: [`,距第一次 ${said}`, `, since the first ${said}`],
    sum: [`,${of}合计 ${said}`, `, sum of ${of} ${said}`],
    avg: [`,${of}平均 ${said}`, `, average of ${of} ${said}`],
    min: [`,${of}最小 ${said}`, `, least ${of} ${said}`],
    max: [`,${of}最大 ${said}`, `, greatest ${of} ${said}`],
    distinct: [`,不同的${of} ${said} 个`, `, different ${of} ${said}`],
    first: [`,第一次的${of}${said}`, `, first ${of} ${said}`],
    last: [`,最近一次的${of}${said}`, `, last ${of} ${said}`],
  }
  const [zh = '', en = ''] = measured[measure] ?? []
  return `${own}${say(zh, en)}${more}`
}

function selectionWords({ event, where = [], within }: Selection, words: Wording): string {
  const names = namesOf(event)
  const events = names.map(name => words.event(name)).join(words.say('或', ' or '))
  const filters = where.map(one => filterWords(one, names, words)).join(words.say('且', ' and '))
  return `${windowWords(within as Window | undefined, words)}${events}${filters && words.say(`(${filters})`, ` (${filters})`)}`
}

function filterWords(filter: Filter, events: readonly string[], words: Wording): string {
  const { say } = words
  if ('all' in filter) return filter.all.map(one => filterWords(one, events, words)).join(say('且', ' and '))
  if ('any' in filter) return `(${filter.any.map(one => filterWords(one, events, words)).join(say('或', ' or '))})`
  if ('not' in filter) return say(`非(${filterWords(filter.not, events, words)})`, `not (${filterWords(filter.not, events, words)})`)
  if ('time' in filter) {
    const names = { hour: say('时刻(小时)', 'hour'), weekday: say('星期', 'weekday'), date: say('日期', 'date') }
    return `${names[filter.time]}${gap(words)}${operatorWords(filter, words)}`
  }
  if ('item' in filter) {
    const { item: name } = filter
    return `${words.item(name)}${gap(words)}${operatorWords(filter, words, { name, isItem: true })}`
  }
  const name = 'prop' in filter ? filter.prop : filter.context
  return `${words.property(events, name)}${gap(words)}${operatorWords(filter, words, { events, name })}`
}

function operatorWords(operators: object, words: Wording, subject?: Subject, isSince = false): string {
  const { say } = words
  const of = (value: unknown) => {
    if (isSince && typeof value === 'string') return durationWords(value, words)
    return subject ? words.value(subject, value) : String(value)
  }
  const list = (value: unknown) => (value as unknown[]).map(of).join(say('、', ', '))
  const said: Record<string, (value: unknown) => string> = {
    eq: value => (subject ? say(`是${of(value)}`, `is ${of(value)}`) : `= ${of(value)}`),
    ne: value => (subject ? say(`不是${of(value)}`, `is not ${of(value)}`) : `≠ ${of(value)}`),
    in: value => say(`是${list(value)}之一`, `is one of ${list(value)}`),
    notIn: value => say(`不是${list(value)}`, `is none of ${list(value)}`),
    gt: value => `> ${of(value)}`,
    gte: value => `≥ ${of(value)}`,
    lt: value => `< ${of(value)}`,
    lte: value => `≤ ${of(value)}`,
    between: value => say(`在 ${(value as unknown[]).map(of).join(' 和 ')} 之间`, `between ${(value as unknown[]).map(of).join(' and ')}`),
    contains: value => say(`包含「${value}」`, `contains “${value}”`),
    startsWith: value => say(`以「${value}」开头`, `starts with “${value}”`),
    endsWith: value => say(`以「${value}」结尾`, `ends with “${value}”`),
    exists: value => (value ? say('有值', 'is there') : say('没有值', 'is missing')),
    before: value => say(`早于 ${value}`, `before ${value}`),
    after: value => say(`晚于 ${value}`, `after ${value}`),
    withinLast: value => say(`在过去${durationWords(String(value), words)}内`, `in the last ${durationWords(String(value), words)}`),
    withinNext: value => say(`在未来${durationWords(String(value), words)}内`, `in the next ${durationWords(String(value), words)}`),
    anniversaryWithin: value =>
      say(`的周年日在${durationWords(String(value), words)}内`, `has its anniversary within ${durationWords(String(value), words)}`),
  }
  return askedOf(operators)
    .map(([name, value]) => said[name]?.(value) ?? '')
    .join(say('且', ' and '))
}

function windowWords(window: Window | undefined, words: Wording): string {
  const { say } = words
  if (window === undefined) return ''
  if (typeof window === 'string') return say(`${durationWords(window, words)}内`, `in the last ${durationWords(window, words)}: `)
  if ('ago' in window) {
    const [longer, shorter] = window.ago.map(one => durationWords(one, words))
    return say(`${longer}前至${shorter}前之间`, `between ${longer} and ${shorter} ago: `)
  }
  if ('since' in window)
    return window.since === 'entry' ? say('进入旅程后', 'since entering the journey: ') : say('到达此步后', 'since reaching the step: ')
  const { from, to } = window
  if (from !== undefined && to !== undefined) return say(`${from} 至 ${to}(不含)`, `from ${from} until ${to}: `)
  return from === undefined ? say(`${to} 之前`, `before ${to}: `) : say(`${from} 起`, `from ${from} on: `)
}

function durationWords(duration: string, { say }: Wording): string {
  const [, count = '', unit = ''] = /^(\d+)([a-z]+)$/.exec(duration) ?? []
  const units: Record<string, [string, string]> = {
    s: [' 秒', 'second'],
    m: [' 分钟', 'minute'],
    h: [' 小时', 'hour'],
    d: [' 天', 'day'],
    w: [' 周', 'week'],
    mo: [' 个月', 'month'],
    y: [' 年', 'year'],
  }
  const [zh, en] = units[unit] ?? [unit, unit]
  return say(`${count}${zh}`, `${count} ${en}${count === '1' ? '' : 's'}`)
}

function perWords(per: string | undefined, events: readonly string[], words: Wording): string {
  return per === undefined
    ? ''
    : words.say(`(同一${words.property(events, per)})`, ` (for one and the same ${words.property(events, per)})`)
}

function withoutWords(without: Selection | undefined, words: Wording, none: string): string {
  return without ? none + selectionWords(without, words) : ''
}

function gap({ say }: Wording): string {
  return say(' ', ' ')
}
