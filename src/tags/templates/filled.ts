import { Refusal, type RefusalDetail } from '../../refusal.ts'
import { type TagDocument, tagDocument } from '../document.ts'
import type { ParameterValue, Preset, Template, Values } from './template.ts'

/** The values that a template has in a preset; undefined where the preset does not have the template. */
export function defaultsOf({ parameters }: Template, preset: Preset): Record<string, ParameterValue> | undefined {
  const values = Object.entries(parameters).map(([name, { defaults }]) => [name, defaults[preset]] as const)
  return values.every(([, value]) => value !== undefined) ? (Object.fromEntries(values) as Record<string, ParameterValue>) : undefined
}

/**
 * The tags of a template with its parameters filled in.
 * @throws Refusal for parameters that are unknown, missing or of another type, and for values with which a tag cannot be defined
 */
export function filled(template: Template, parameters: Readonly<Record<string, ParameterValue>>): (TagDocument & { key: string })[] {
  const unknown = Object.keys(parameters).filter(name => !Object.hasOwn(template.parameters, name))
  if (unknown.length > 0)
    throw refused(unknown.map(name => ({ path: name, message: `the template has ${Object.keys(template.parameters).join(', ')}` })))
  const documents = template.documents(valuesOf(parameters))
  return documents.map(draft => {
    const read = tagDocument.safeParse(draft)
    if (!read.success)
      throw refused(read.error.issues.map(({ path, message }) => ({ path: [draft.key, ...path.map(String)].join('.'), message })))
    return { ...read.data, key: draft.key }
  })
}

function valuesOf(parameters: Readonly<Record<string, ParameterValue>>): Values {
  const all = <T extends string | number>(name: string, type: 'string' | 'number'): T[] => {
    const list = [parameters[name] ?? []].flat()
    if (list.length === 0 || !list.every(one => typeof one === type))
      throw refused([{ path: name, message: `must be given: ${type === 'string' ? 'text' : 'a number'}, or a list of it` }])
    return list as T[]
  }
  const single = <T extends string | number>(name: string, type: 'string' | 'number'): T => {
    const [first, ...more] = all<T>(name, type)
    if (first === undefined || more.length > 0) throw refused([{ path: name, message: 'must be one value' }])
    return first
  }
  return {
    text: name => single(name, 'string'),
    texts: name => all(name, 'string'),
    number: name => single(name, 'number'),
    numbers: name => all(name, 'number'),
  }
}

function refused(details: RefusalDetail[]): Refusal {
  return new Refusal(422, 'template-refused', 'the template cannot be filled in like this, see details', details)
}
