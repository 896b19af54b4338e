"""A Modbus server for plantroom's tests: pymodbus, with known registers.

usage: server.py tcp|rtu|tls:DIR PORT UNIT...

With tls it shows DIR/server.pem and talks to those only whom DIR/ca.pem knows.

Unit u has the holding registers 0..59 and 70..79, each 100 u + its address;
60..69 are refused. Input registers 0..9 hold u.
Coils 0..19: every third is on. Discrete inputs 0..7 are on. Other units are
silent. A unit written u:768=1,769=32841 has these holding registers instead.
"""
import ssl
import sys
import types

# pymodbus's server imports these, and needs them for serial lines only.
for name in ("serial", "serial_asyncio"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["serial_asyncio"].create_serial_connection = None

from pymodbus.datastore import ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.server import StartTcpServer, StartTlsServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer

kind, port, units = sys.argv[1], sys.argv[2], dict(u.partition(":")[::2] for u in sys.argv[3:])


def unit(u, registers):
    holding = {a: 100 * u + a for a in list(range(60)) + list(range(70, 80))}
    if registers:
        holding = {int(a): int(v, 0) for a, v in (r.split("=") for r in registers.split(","))}
    return ModbusSlaveContext(
        hr=ModbusSparseDataBlock(holding),
        ir=ModbusSparseDataBlock({a: u for a in range(10)}),
        co=ModbusSparseDataBlock({a: a % 3 == 0 for a in range(20)}),
        di=ModbusSparseDataBlock({a: True for a in range(8)}),
        zero_mode=True,
    )


context = ModbusServerContext(slaves={int(u): unit(int(u), registers) for u, registers in units.items()}, single=False)
framer = ModbusRtuFramer if kind == "rtu" else ModbusSocketFramer
settings = dict(context=context, framer=framer, address=("127.0.0.1", int(port)), ignore_missing_slaves=True,
                allow_reuse_address=True)
if kind.startswith("tls:"):
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=kind[4:] + "/ca.pem")
    secure.verify_mode = ssl.CERT_REQUIRED
    secure.load_cert_chain(kind[4:] + "/server.pem", kind[4:] + "/server.key")
    StartTlsServer(sslctx=secure, **settings)
else:
    StartTcpServer(**settings)
