// `node jspurefix_broker.js PORT FOLDER VERSION` (NODE_PATH names where jspurefix is): a broker on jspurefix's acceptor.
// It acknowledges each order and fills it in two parts; what it took is in FOLDER/ledger.jsonl. A ClOrdID that it has
// is a duplicate (103=6); a question is answered from what it knows; a cancellation comes too late.
'use strict'
require('reflect-metadata')
const fs = require('fs')
const path = require('path')
const { AsciiSession, SessionLauncher } = require('jspurefix')

const [port, folder, version] = process.argv.slice(2)
const orders = new Map()
let executions = 0

class Broker extends AsciiSession {
  constructor (config) {
    super(config)
    this.logReceivedMsgs = true
  }

  onApplicationMsg (kind, view) {
    const said = view.toObject()
    if (kind === 'D') this.order(said)
    else if (kind === 'H') this.question(said)
    else if (kind === 'F') this.send('9', { OrderID: said.OrigClOrdID, ClOrdID: said.ClOrdID, OrigClOrdID: said.OrigClOrdID, OrdStatus: '2', CxlRejResponseTo: '1', CxlRejReason: 0, Text: 'too late' })
  }

  order (said) {
    if (orders.has(said.ClOrdID)) {
      this.report({ ...said, done: 0 }, { ExecType: '8', OrdStatus: '8', OrdRejReason: 6, Text: 'duplicate' })
      return
    }
    const order = { ...said, done: 0 }
    orders.set(said.ClOrdID, order)
    const half = Math.floor(said.OrderQtyData.OrderQty / 2)
    fs.appendFileSync(path.join(folder, 'ledger.jsonl'), JSON.stringify({ order: said.ClOrdID }) + '\n')
    this.report(order, { ExecType: '0', OrdStatus: '0' })
    for (const part of [half, said.OrderQtyData.OrderQty - half]) {
      order.done += part
      const exec = `J${++executions}`
      fs.appendFileSync(path.join(folder, 'ledger.jsonl'), JSON.stringify({ fill: said.ClOrdID, exec, quantity: part, price: said.Price }) + '\n')
      const status = order.done < said.OrderQtyData.OrderQty ? '1' : '2'
      this.report(order, { ExecType: 'F', OrdStatus: status, ExecID: exec, LastQty: part, LastPx: said.Price })
    }
  }

  question (said) {
    const order = orders.get(said.ClOrdID)
    const asked = { ExecType: 'I', OrdStatusReqID: said.OrdStatusReqID }
    if (order) this.report(order, { ...asked, OrdStatus: '2' })
    else this.report({ ...said, OrderQtyData: { OrderQty: 0 }, Price: 0, done: 0 }, { ...asked, OrdStatus: '8', OrdRejReason: 5, Text: 'unknown order' })
  }

  report (order, more) {
    this.send('8', {
      OrderID: order.ClOrdID, ClOrdID: order.ClOrdID, ExecID: '0', Account: order.Account, Instrument: { Symbol: order.Instrument.Symbol },
      Side: order.Side, OrderQtyData: { OrderQty: order.OrderQtyData.OrderQty }, LeavesQty: order.OrderQtyData.OrderQty - order.done,
      CumQty: order.done, AvgPx: order.done ? order.Price : 0, TransactTime: new Date(), TradeDate: new Date(), ...more
    })
  }

  onDecoded (kind, text) { console.log('< ' + text) }
  onEncoded (kind, text) { console.log('> ' + text) }
  onLogon () { return true }
  onReady () { console.log('ready') }
  onStopped () { console.log('stopped') }
}

class Launcher extends SessionLauncher {
  constructor () {
    super(null, {
      application: { type: 'acceptor', name: 'broker', protocol: 'ascii', tcp: { host: '127.0.0.1', port: Number(port) }, dictionary: `data/${version.replace(/\./g, '')}.xml` },
      EncryptMethod: 0, ResetSeqNumFlag: false, HeartBtInt: 5, SenderCompId: 'BROKER', TargetCompID: 'REBALANCER', BeginString: version,
      store: { type: 'file', directory: path.join(folder, 'store') }
    })
  }

  makeFactory () {
    return { makeSession: config => new Broker(config) }
  }
}

new Launcher().run().catch(flaw => { console.error(flaw); process.exit(1) })
