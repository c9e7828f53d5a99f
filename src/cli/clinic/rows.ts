/** The systems of the clinic, and the files that each exports. */
export const exportFiles = {
  members: { source: 'mall', kind: 'csv', columns: ['用户ID', '会员号', '手机号', '会员等级', '入会日期', '积分余额', '更新时间'] },
  registrations: { source: 'mini_program', kind: 'ndjson' },
  behaviour: { source: 'mini_program', kind: 'ndjson' },
  oa: { source: 'oa', kind: 'ndjson' },
  wecom: { source: 'wecom', kind: 'ndjson' },
  assignments: { source: 'assignment', kind: 'csv', columns: ['external_userid', 'advisor_id', 'assigned_at'] },
  'skin-tests': { source: 'device', kind: 'ndjson' },
  'his-patients': {
    source: 'his',
    kind: 'csv',
    columns: ['会员号', '手机号', '姓名', '性别', '生日', '归属门店', '储值余额', '疗程剩余', '禁忌', '恢复期至', '客诉处理中', '更新时间'],
  },
  'his-orders': {
    source: 'his',
    kind: 'csv',
    columns: [
      '流水号',
      '类型',
      '会员号',
      '手机号',
      '时间',
      '订单号',
      '门店',
      '项目',
      '品类',
      '订单类型',
      '金额',
      '原价',
      '折扣率',
      '券',
      '券面额',
      '原因',
    ],
  },
  'his-treatments': {
    source: 'his',
    kind: 'csv',
    columns: ['治疗号', '会员号', '手机号', '时间', '订单号', '项目', '品类', '第几次', '总次数', '消耗金额', '医生', '门店', '恢复天数'],
  },
  'his-visits': {
    source: 'his',
    kind: 'csv',
    columns: [
      '流水号',
      '类型',
      '会员号',
      '手机号',
      '时间',
      '预约号',
      '门店',
      '项目',
      '品类',
      '预约时间',
      '到店类型',
      '医生',
      '顾问',
      '诉求',
      '方案金额',
      '禁忌',
      '客诉号',
      '客诉类型',
    ],
  },
} as const satisfies Record<string, { source: string; kind: 'ndjson' } | { source: string; kind: 'csv'; columns: readonly string[] }>

export type ExportFile = keyof typeof exportFiles
export const exportNames = Object.keys(exportFiles) as ExportFile[]

export type Fields = Record<string, string | number | boolean | undefined>

/** One line of an export. */
export interface Row {
  file: ExportFile
  /** When it happened, ms. */
  at: number
  fields: Fields
}
export type Emit = (file: ExportFile, at: number, fields: Fields) => void
