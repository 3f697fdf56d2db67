/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help and sentences laid into the lines of a terminal, between words. Where columns is 0 nothing is broken. */
#pragma once

#include "user/base/util.h"

/* How wide the terminal at fd is: COLUMNS of the environment, else what it says itself. 0: no terminal, or unknown. */
unsigned int sw_terminal_columns(int fd);
/* Text on a line of which `used` columns are taken, and the line's end; what goes on, goes on below column indent. */
void sw_wrap(FILE *out, const char *text, size_t used, size_t indent, unsigned int columns);
/* "  left     text": left in a column of width, the text beside it, or below it where that is too narrow. */
void sw_wrap_row(FILE *out, const char *left, size_t width, const char *text, unsigned int columns);
/* Lines that are laid out already: what is too long goes on below the line's last column. */
void sw_wrap_lines(FILE *out, const char *lines, unsigned int columns);
