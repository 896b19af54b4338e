// A Modbus RTU server for plantroom's tests: libmodbus on a serial line.
//
// usage: server TTY UNIT
//
// Holding registers 0..99 hold 100 * UNIT + address, input registers 0..9 hold
// UNIT; what is beyond them is refused.
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
	if (argc != 3) {
		fprintf(stderr, "usage: server TTY UNIT\n");
		return 2;
	}
	int unit = atoi(argv[2]);
	modbus_t *line = modbus_new_rtu(argv[1], 115200, 'N', 8, 1);
	modbus_mapping_t *map = modbus_mapping_new(8, 8, 100, 10);
	if (!line || !map || modbus_set_slave(line, unit) || modbus_connect(line)) {
		fprintf(stderr, "server: %s\n", modbus_strerror(errno));
		return 1;
	}
	for (int i = 0; i < 100; i++)
		map->tab_registers[i] = 100 * unit + i;
	for (int i = 0; i < 10; i++)
		map->tab_input_registers[i] = unit;
	puts("ready");
	fflush(stdout);
	for (;;) {
		uint8_t request[MODBUS_RTU_MAX_ADU_LENGTH];
		int n = modbus_receive(line, request);
		if (n > 0)
			modbus_reply(line, request, n, map);
		else if (n < 0 && errno != EMBBADCRC && errno != ETIMEDOUT)
			return 1;
	}
}
