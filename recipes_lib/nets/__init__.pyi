from . import models as models
from .imagenet import lite0 as lite0
from .imagenet import pretrained as pretrained
from .imagenet import save as save
from .models import LSTM as LSTM
from .models import cnn as cnn
from .models import mlp as mlp
