import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { Refusal } from '../refusal.ts'
import { defaultsOf, filled } from './templates/filled.ts'
import { templates } from './templates/index.ts'
import { presets } from './templates/template.ts'

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } })
const ok = <A extends z.ZodType>(answer: A) => ({ responses: { 200: { description: 'The answer', ...json(answer) } } })
const preset = z.enum(presets).default('commerce').openapi({ description: 'Whose names of events the defaults are' })
const single = z.union([z.string().max(300), z.number()])
const value = z.union([single, z.array(single).min(1).max(100)])
const documents = z.array(z.unknown().openapi({ type: 'object', description: 'TagDocument' }))

const list = createRoute({
  method: 'get',
  path: '/api/tags/templates',
  tags: ['tags'],
  summary: 'Tags that are ready to use, with what is to be filled in and as they are with the defaults',
  request: { query: z.object({ preset }) },
  ...ok(
    z.object({
      templates: z.array(
        z.object({
          key: z.string(),
          zh: z.string(),
          en: z.string(),
          description: z.string(),
          parameters: z.array(z.object({ name: z.string(), zh: z.string(), en: z.string(), value })),
          documents,
        }),
      ),
    }),
  ),
})

const fill = createRoute({
  method: 'post',
  path: '/api/tags/templates/{key}',
  tags: ['tags'],
  summary: 'The documents of a template with these parameters; nothing is saved: PUT each of them, in their order',
  'x-permission': 'read',
  request: {
    params: z.object({ key: z.string().max(64) }),
    body: { required: true, ...json(z.strictObject({ preset, parameters: z.record(z.string(), value).default({}) })) },
  },
  ...ok(z.object({ documents })),
})

export function templateRoutes(app: OpenAPIHono): void {
  app.openapi(list, c => {
    const { preset } = c.req.valid('query')
    const shown = templates.flatMap(template => {
      const defaults = defaultsOf(template, preset)
      if (!defaults) return []
      const { key, zh, en, description } = template
      const parameters = Object.entries(template.parameters).map(([name, { zh, en }]) => ({
        name,
        zh,
        en,
        value: copied(defaults[name] ?? ''),
      }))
      return [{ key, zh, en, description, parameters, documents: filled(template, defaults) }]
    })
    return c.json({ templates: shown }, 200)
  })

  app.openapi(fill, c => {
    const { key } = c.req.valid('param')
    const { preset, parameters } = c.req.valid('json')
    const template = templates.find(one => one.key === key)
    if (!template)
      throw new Refusal(404, 'no-such-template', `There is no template ${JSON.stringify(key)}; GET /api/tags/templates lists them.`)
    return c.json({ documents: filled(template, { ...defaultsOf(template, preset), ...parameters }) }, 200)
  })
}

function copied(value: string | number | readonly (string | number)[]): string | number | (string | number)[] {
  return typeof value === 'object' ? [...value] : value
}
