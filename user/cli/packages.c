// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/cli/packages.h"

#include "user/cli/boot.h"
#include "user/cli/table.h"

/* The paths of rows, each once, as an object's keys. */
static json_t *paths_of(const json_t *rows)
{
	json_t *paths = json_object(), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (*sw_cli_text(row, "executable") == '/')
			json_object_set_new(paths, sw_cli_text(row, "executable"), json_null());
	return paths;
}

void sw_cli_name_packages(json_t *rows)
{
	json_t *paths = paths_of(rows), *row, *value;
	struct sw_packaged *files = calloc(json_object_size(paths) + 1, sizeof(*files));
	const char *path;
	size_t i, n = 0;

	if (files) {
		json_object_foreach(paths, path, value)
			files[n++].path = path;
		sw_boot_packages("", files, n);
	}
	for (i = 0; i < n; i++)
		if (*files[i].package)
			json_object_set_new(paths, files[i].path, json_string(files[i].package));
	json_array_foreach(rows, i, row) {
		value = json_object_get(paths, sw_cli_text(row, "executable"));
		if (json_is_string(value))
			json_object_set(row, "package", value);
	}
	free(files);
	json_decref(paths);
}
