/* Every kernel for the type T: those of a block of channels for each width, then the functions that are called. */

#define WIDTH 64
#include "blocks.h"
#define WIDTH 32
#include "blocks.h"
#define WIDTH 16
#include "blocks.h"
#define WIDTH 8
#include "blocks.h"
#define WIDTH 4
#include "blocks.h"
#define WIDTH 1
#include "blocks.h"

#include "dense.h"
#include "depthwise.h"
#include "norm.h"
#include "pointwise.h"
#include "sum.h"
