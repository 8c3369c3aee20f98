/* What is done with a block of WIDTH channels of type T. */

#if WIDTH >= MOST_LANES
#define LANES MOST_LANES
#else
#define LANES WIDTH
#endif

#include "depthwise_block.h"
#include "norm_block.h"
#include "product_block.h"
#include "sum_block.h"

#undef LANES
#undef WIDTH
