// SPDX-License-Identifier: GPL-3.0-or-later
/* sockwarden: the command line. */
#include "user/cli/cli.h"

int main(int argc, char **argv)
{
	return sw_cli_main(argc, argv);
}
